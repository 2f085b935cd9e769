// Takes pictures of the page in every situation that matters, to be looked at: node mock/shots.mjs OUT [NAME...]
import { mkdirSync } from 'node:fs';
import { chromium } from 'playwright-core';

const [out = 'shots', ...only] = process.argv.slice(2);
const url = process.env.GATEWAY_URL ?? 'http://127.0.0.1:8090';
mkdirSync(out, { recursive: true });

const WIDE = { width: 1920, height: 1080 };
const DESK = { width: 1280, height: 800 };
const PHONE = { width: 390, height: 844 };
const ticket = (test) => async (page) => {
  await page.goto(`${url}/#/tickets`);
  await page.getByTestId('ticket-row').first().click();
  if (test) await test(page);
};

/** A situation as it must be seen: wide and on a phone, in both languages, light and dark. */
const everyWay = (name, shot) => ({
  [`${name}-zh`]: shot,
  [`${name}-en-dark`]: { ...shot, lang: 'en', theme: 'dark' },
  [`${name}-zh-phone`]: { ...shot, size: PHONE },
  [`${name}-en-phone-dark`]: { ...shot, size: PHONE, lang: 'en', theme: 'dark' },
});
const click = (id) => (page) => page.getByTestId(id).first().click();
const openTicket = (words, test) => async (page) => {
  await page.goto(`${url}/#/tickets`);
  await page.getByTestId('ticket-row').filter({ hasText: words }).click();
  await test?.(page);
};

const SHOTS = {
  'wall-calm-zh': { scene: 'calm' },
  'wall-busy-zh': { scene: 'busy' },
  'wall-busy-en-dark': { scene: 'busy', lang: 'en', theme: 'dark' },
  'wall-busy-en-desk': { scene: 'busy', lang: 'en', size: DESK },
  'wall-busy-zh-phone': { scene: 'busy', size: PHONE, full: true },
  'wall-lost-zh': { scene: 'busy', lost: true },
  'wall-lost-zh-phone': { scene: 'busy', lost: true, size: PHONE },
  'wall-empty-en': { scene: 'empty', lang: 'en' },
  'devices-busy-zh': { scene: 'busy', hash: '#/devices' },
  'devices-thousand-zh-phone': { scene: 'thousand', hash: '#/devices', size: PHONE },
  'devices-lost-en': { scene: 'busy', hash: '#/devices', lang: 'en', lost: true },
  'device-leak-zh': { scene: 'busy', hash: '#/devices/fire-main-1', full: true },
  'device-silent-en-dark': { scene: 'busy', hash: '#/devices/ups-2', lang: 'en', theme: 'dark' },
  'device-gap-en-phone': { scene: 'busy', hash: '#/devices/booster-2', lang: 'en', size: PHONE, full: true },
  'alarms-busy-zh': { scene: 'busy', hash: '#/alarms' },
  'alarms-busy-en-phone': { scene: 'busy', hash: '#/alarms', lang: 'en', size: PHONE },
  'alarms-calm-zh-phone': { scene: 'calm', hash: '#/alarms', size: PHONE },
  'tickets-busy-en': { scene: 'busy', hash: '#/tickets', lang: 'en' },
  'tickets-busy-zh-phone': { scene: 'busy', hash: '#/tickets', size: PHONE },
  'ticket-zh': { scene: 'busy', act: ticket() },
  'ticket-zh-phone': { scene: 'busy', size: PHONE, act: ticket() },
  'ticket-en-phone-dark': { scene: 'busy', size: PHONE, lang: 'en', theme: 'dark', act: ticket() },
  'ticket-name-zh-phone': {
    scene: 'critical',
    size: PHONE,
    person: '',
    act: ticket((page) => page.getByTestId('ticket-accept').click()),
  },
  'ticket-refused-zh-phone': { scene: 'critical', size: PHONE, act: ticket(refused) },
  'ticket-refused-en': { scene: 'critical', lang: 'en', act: ticket(refused) },
  'ticket-lost-zh-phone': { scene: 'busy', size: PHONE, act: ticket(), lost: true },
  'wall-critical-zh': { scene: 'critical' },
  'wall-critical-en-phone-dark': { scene: 'critical', size: PHONE, lang: 'en', theme: 'dark' },
  'wall-thousand-en': { scene: 'thousand', lang: 'en' },
  'wall-loading-zh': { scene: 'calm', stalled: true },
  'wall-never-en-phone': { scene: 'calm', never: true, lang: 'en', size: PHONE },
  'alarms-thousand-scrolled-zh': { scene: 'thousand', hash: '#/alarms', act: (page) => page.mouse.wheel(0, 40_000) },
  'tickets-lost-zh': { scene: 'busy', hash: '#/tickets', lost: true },
  'nowhere-en': { scene: 'calm', hash: '#/devices/no-such-device', lang: 'en' },
  'ticket-more-en-phone': { scene: 'busy', lang: 'en', size: PHONE, act: ticket(waits) },
  'report-zh-phone': { scene: 'calm', hash: '#/report', size: PHONE },
  ...everyWay('report', { scene: 'busy', hash: '#/report?device=elevator-07-1', full: true }),
  ...everyWay('reported', { scene: 'busy', full: true, act: openTicket(/渗水|seeps/, click('ticket-tell')) }),
  ...everyWay('patrol', { scene: 'busy', full: true, act: openTicket(/巡查|Patrol/) }),
  ...everyWay('planned', { scene: 'busy', hash: '#/planned' }),
  ...everyWay('plan', { scene: 'busy', hash: '#/planned', full: true, act: click('planned-plan') }),
  ...everyWay('handovers', { scene: 'busy', hash: '#/handovers', act: click('handover-new') }),
  ...everyWay('handover', { scene: 'busy', hash: '#/handovers/H-000013', full: true }),
  ...everyWay('shelve', { scene: 'busy', hash: '#/alarms', act: click('alarm-more'), full: true }),
  ...everyWay('more', { scene: 'busy', hash: '#/more' }),
  ...everyWay('service', { scene: 'busy', hash: '#/service-report', full: true, act: click('availability') }),
  'behind-zh': { scene: 'busy', hash: '#/service-report?period=2026-11&behind=deadlines%2Fall%2Fmissed' },
  'service-quiet-en-phone': {
    scene: 'busy',
    hash: '#/service-report?period=2026-Q2',
    lang: 'en',
    size: PHONE,
    full: true,
  },
  ...everyWay('record', { scene: 'busy', hash: '#/devices/fire-main-1/record', full: true }),
  ...everyWay('sheet', { scene: 'busy', hash: '#/devices/fire-main-1/sheet', full: true, act: click('sheet-compare') }),
  ...everyWay('link', { scene: 'busy', hash: '#/devices/booster-2/link', full: true }),
  ...everyWay('connections', { scene: 'busy', hash: '#/connections', full: true }),
  'service-failed-zh-phone': { scene: 'busy', hash: '#/service-report', size: PHONE, failing: '**/api/v1/report**' },
  'handovers-failed-en': { scene: 'busy', hash: '#/handovers', lang: 'en', failing: '**/api/v1/handovers**' },
  'link-lost-zh': { scene: 'busy', hash: '#/devices/booster-2/link', lost: true },
  'plate-zh-phone': {
    scene: 'busy',
    hash: '#/devices/fire-main-1/record',
    size: PHONE,
    full: true,
    act: click('nameplate-write'),
  },
  'handovers-empty-zh': { scene: 'calm', hash: '#/handovers' },
  'planned-empty-zh-phone': { scene: 'unwatched', hash: '#/planned', size: PHONE },
};

async function waits(page) {
  await page.getByRole('button', { name: 'More' }).click();
  await page.getByRole('button', { name: 'Wait for parts' }).click();
}

async function refused(page) {
  for (const step of ['accept', 'arrive', 'resolve']) await page.getByTestId(`ticket-${step}`).click();
  await page.getByTestId('refusal').waitFor();
  await page.getByTestId('ticket-resolve-reason').click();
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
});

for (const [name, shot] of Object.entries(SHOTS)) {
  if (only.length > 0 && !only.some((part) => name.includes(part))) continue;
  await fetch(`${url}/mock/scene/${shot.scene}`);
  const page = await browser.newPage({
    viewport: shot.size ?? WIDE,
    colorScheme: shot.theme ?? 'light',
    deviceScaleFactor: shot.size === PHONE ? 2 : 1,
  });
  page.on('pageerror', (error) => console.log(`${name}: ${error}`));
  page.on(
    'console',
    (message) =>
      message.type() === 'error' &&
      !shot.lost &&
      !shot.never &&
      !shot.failing &&
      console.log(`${name}: ${message.text()}`),
  );
  await page.addInitScript(
    ({ lang, person }) => {
      localStorage.setItem('lang', lang);
      localStorage.setItem('person', person);
    },
    { lang: shot.lang ?? 'zh', person: shot.person ?? '张建国' },
  );
  if (shot.stalled) await page.route('**/api/**', () => undefined);
  if (shot.failing) {
    const problem = { status: 507, detail: 'the disk is full', text: { zh: '磁盘已满', en: 'the disk is full' } };
    await page.route(shot.failing, (route) => route.fulfill({ status: 507, json: problem }));
  }
  if (shot.never) await page.route('**/api/**', (route) => route.abort());
  await page.goto(`${url}/${shot.hash ?? '#/'}`);
  if (!shot.stalled && !shot.never)
    await page.getByTestId('contact').and(page.locator('[data-contact=live]')).waitFor();
  await shot.act?.(page);
  if (shot.lost) {
    await fetch(`${url}/mock/scene/hushed`);
    await page.context().setOffline(true);
    await page.getByTestId('connection-lost').waitFor({ timeout: 30_000 });
  }
  await page.waitForLoadState('load');
  await page.waitForTimeout(1_500);
  const overflow = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  if (overflow > 0) console.log(`${name}: ${overflow} px too wide`);
  await page.screenshot({ path: `${out}/${name}.png`, fullPage: shot.full === true });
  await page.close();
}
await browser.close();
