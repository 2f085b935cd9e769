// A leak in the fire main, as the person on duty lives it: the page shows it by itself, and the ticket goes from taken to closed.
//
// GATEWAY_URL and CONTROL_URL say where the gateway and the simulator's control are; SHOTS, if set, is where pictures go;
// CHROMIUM is the browser. Ends with 0 when all was seen, and with 1 and the reason otherwise.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const GATEWAY = needed('GATEWAY_URL');
const CONTROL = needed('CONTROL_URL');
const { SHOTS, CHROMIUM = '/usr/bin/chromium' } = process.env;

const DEVICE = 'fire-main-1';
const FAULT = `${CONTROL}/devices/${DEVICE}/faults`;
const PERSON = '张建国';
/** A rule's delay, a poll and a slow machine together stay well below this. */
const PATIENCE_MS = 60_000;
const SIZES = { wide: { width: 1920, height: 1080 }, phone: { width: 390, height: 844 } };

function needed(name) {
  const value = process.env[name];
  if (value === undefined || value === '') {
    console.error(`${name} is not set: say where it is, e.g. ${name}=http://127.0.0.1:8080`);
    process.exit(1);
  }
  return value.replace(/\/$/, '');
}

async function asked(url, init) {
  const answer = await fetch(url, init);
  if (!answer.ok) throw new Error(`${init?.method ?? 'GET'} ${url} answered ${answer.status}: ${await answer.text()}`);
  return answer.json().catch(() => null);
}

const injectLeak = () =>
  asked(FAULT, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ fault: 'main_leak' }),
  });
const clearLeak = () => asked(`${FAULT}/main_leak`, { method: 'DELETE' });

/** Tickets of the device that somebody still has to work on. A fault that is back within a day opens its old one again. */
async function openTickets() {
  const { items } = await asked(`${GATEWAY}/api/v1/tickets`);
  return items.filter(({ device, state }) => device === DEVICE && state !== 'closed' && state !== 'cancelled');
}

/** One step of the story, told as it happens so that a failure says how far it came. */
async function step(words, work) {
  const startedAt = Date.now();
  try {
    const result = await work();
    console.log(`ok    ${words} (${((Date.now() - startedAt) / 1_000).toFixed(1)} s)`);
    return result;
  } catch (error) {
    console.error(`FAIL  ${words}`);
    throw error;
  }
}

/** The same moment in both sizes and both languages, without loading the page anew. */
async function picture(page, moment) {
  if (SHOTS === undefined || SHOTS === '') return;
  mkdirSync(SHOTS, { recursive: true });
  for (const [size, viewport] of Object.entries(SIZES)) {
    await page.setViewportSize(viewport);
    for (const lang of ['zh', 'en']) {
      await speak(page, lang);
      await page.screenshot({ path: join(SHOTS, `${moment}-${size}-${lang}.png`) });
    }
  }
  await page.setViewportSize(SIZES.wide);
  await speak(page, 'zh');
}

async function speak(page, lang) {
  const here = await page.evaluate(() => (document.documentElement.lang.startsWith('zh') ? 'zh' : 'en'));
  if (here !== lang) await page.getByTestId('language').filter({ visible: true }).click();
}

const state = (page, name) => page.locator(`[data-testid=ticket-state][data-state=${name}]`).waitFor();

/** The ticket's one main button. */
const press = (page, action) => page.getByTestId(`ticket-${action}`).click();

/** What the page asks for before a person's first action. */
async function giveName(page) {
  await page.getByTestId('person-name').fill(PERSON);
  await page.getByTestId('person-name-save').click();
}

async function story(page) {
  const fireWater = page.locator('[data-testid=subsystem][data-class=fire_water]');
  const alarmRow = page.locator(`[data-testid=alarm-row][data-alarm*="${DEVICE}"]`);

  await step('nobody has work on the fire main yet', async () => {
    const before = await openTickets();
    if (before.length > 0) throw new Error(`${before.map(({ id }) => id).join(', ')} of ${DEVICE} is open already`);
  });
  await step('the page opens, is live and shows the fire main calm', async () => {
    await page.goto(`${GATEWAY}/`);
    await page.locator('[data-testid=contact][data-contact=live]').waitFor();
    await speak(page, 'zh');
    await fireWater.getByText('正常', { exact: true }).waitFor();
    await fireWater.getByText('MPa').first().waitFor();
    await page.evaluate(() => (window.openedOnce = true));
  });
  await picture(page, '1-calm');

  await step('the leak is injected', injectLeak);
  await step('the alarm and its ticket appear on the wall by themselves', async () => {
    await fireWater.getByText('紧急').waitFor();
    await page.getByTestId('wall-ticket').first().waitFor();
    await page.getByTestId('clock-left').first().waitFor();
  });
  await picture(page, '2-alarm');

  const ticket = await step('exactly one ticket is open, with 30 minutes to arrive', async () => {
    const open = await openTickets();
    if (open.length !== 1)
      throw new Error(`${open.length} open tickets of ${DEVICE}: ${open.map(({ id }) => id).join(', ')}`);
    const arrive = open[0].clocks.find(({ clock }) => clock === 'arrive');
    if (arrive?.target !== '30m') throw new Error(`the arrive clock says ${arrive?.target}`);
    return open[0];
  });

  await step('the alarm is in the list of alarms, and the ticket in that of tickets', async () => {
    await page.getByRole('link', { name: /报警/ }).filter({ visible: true }).click();
    await alarmRow.first().waitFor();
    await page.getByRole('link', { name: /^工单/ }).filter({ visible: true }).first().click();
    await page.locator(`[data-testid=ticket-row][data-ticket="${ticket.id}"]`).click();
    await state(page, 'open');
  });

  await step('it is accepted, and the page asks once who that is', async () => {
    await press(page, 'accept');
    await giveName(page);
    await state(page, 'accepted');
  });
  await step('the technician arrives', async () => {
    await press(page, 'arrive');
    await state(page, 'on_site');
  });
  await step('resolving is refused while the alarm is active, in words and in its place', async () => {
    await press(page, 'resolve');
    const refusal = page.getByTestId('refusal');
    await refusal.waitFor();
    const words = await refusal.innerText();
    if (!words.includes('报警还没有恢复')) throw new Error(`the refusal says: ${words}`);
    await state(page, 'on_site');
  });
  await picture(page, '3-refused');

  await step('the leak is repaired, and the page sees the alarm go', async () => {
    await clearLeak();
    await page.locator('[data-testid=ticket-alarm][data-condition=clear]').waitFor();
  });
  await step('now it can be resolved', async () => {
    await press(page, 'resolve');
    await state(page, 'resolved');
  });
  await step('and closed', async () => {
    await press(page, 'close');
    await state(page, 'closed');
  });
  await picture(page, '4-closed');

  await step('the wall is calm again, and the page was never loaded anew', async () => {
    await page.getByRole('link', { name: '总览' }).filter({ visible: true }).first().click();
    await fireWater.getByText('正常', { exact: true }).waitFor();
    if (!(await page.evaluate(() => window.openedOnce === true))) throw new Error('the page was loaded anew');
  });
  await step('the gateway itself says that the ticket is closed, by that person', async () => {
    const told = await asked(`${GATEWAY}/api/v1/tickets/${encodeURIComponent(ticket.id)}`);
    if (told.state !== 'closed') throw new Error(`the ticket is ${told.state}`);
    if (!told.steps.some(({ by }) => by === PERSON)) throw new Error(`no step is by ${PERSON}`);
  });
}

const browser = await chromium.launch({
  executablePath: CHROMIUM,
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
});
try {
  const page = await browser.newPage({ viewport: SIZES.wide, locale: 'zh-CN' });
  page.setDefaultTimeout(PATIENCE_MS);
  const errors = [];
  page.on('pageerror', (error) => errors.push(error.message));
  await story(page);
  if (errors.length > 0) throw new Error(`the page itself failed: ${errors.join('; ')}`);
  console.log('all seen');
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  await clearLeak().catch(() => undefined);
  await browser.close();
}
