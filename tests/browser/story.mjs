// What every story in a browser needs: where the gateway is, steps told as they happen, and a page whose own errors fail the story.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

export const GATEWAY = needed('GATEWAY_URL');
export const CONTROL = needed('CONTROL_URL');
const { SHOTS, CHROMIUM = '/usr/bin/chromium' } = process.env;

export const PERSON = '张建国';
export const SIZES = { wide: { width: 1920, height: 1080 }, phone: { width: 390, height: 844 } };
/** A rule's delay, a poll and a slow machine together stay well below this. */
const PATIENCE_MS = 60_000;

function needed(name) {
  const value = process.env[name];
  if (value === undefined || value === '') {
    console.error(`${name} is not set: say where it is, e.g. ${name}=http://127.0.0.1:8080`);
    process.exit(1);
  }
  return value.replace(/\/$/, '');
}

export async function asked(url, init) {
  const answer = await fetch(url, init);
  if (!answer.ok) throw new Error(`${init?.method ?? 'GET'} ${url} answered ${answer.status}: ${await answer.text()}`);
  return answer.json().catch(() => null);
}

/** A fault of a simulated device, to be injected and cleared. */
export function fault(device, name) {
  const faults = `${CONTROL}/devices/${device}/faults`;
  return {
    inject: () =>
      asked(faults, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ fault: name }),
      }),
    clear: () => asked(`${faults}/${name}`, { method: 'DELETE' }),
  };
}

/** Tickets of a device that somebody still has to work on. A fault that is back within a day opens its old one again. */
export async function openTickets(device) {
  const { items } = await asked(`${GATEWAY}/api/v1/tickets`);
  return items.filter(
    (ticket) => ticket.device === device && ticket.state !== 'closed' && ticket.state !== 'cancelled',
  );
}

/** One step of the story, told as it happens so that a failure says how far it came. */
export async function step(words, work) {
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

/** The same moment in both sizes and both languages, without loading the page anew: nothing may be wider than its screen. */
export async function picture(page, moment) {
  if (SHOTS) mkdirSync(SHOTS, { recursive: true });
  for (const [size, viewport] of Object.entries(SIZES)) {
    await page.setViewportSize(viewport);
    for (const lang of ['zh', 'en']) {
      await speak(page, lang);
      const wide = await page.evaluate(() => {
        const { scrollWidth, clientWidth } = document.documentElement;
        return scrollWidth - clientWidth;
      });
      if (SHOTS) await page.screenshot({ path: join(SHOTS, `${moment}-${size}-${lang}.png`) });
      if (wide > 0) throw new Error(`${moment} is ${wide} px too wide for its screen (${size}, ${lang})`);
    }
  }
  await page.setViewportSize(SIZES.wide);
  await speak(page, 'zh');
}

export async function speak(page, lang) {
  const here = await page.evaluate(() => (document.documentElement.lang.startsWith('zh') ? 'zh' : 'en'));
  if (here !== lang) await page.getByTestId('language').filter({ visible: true }).first().click();
}

/** Opens a page of the gateway and waits until it is live. */
export async function open(page, hash = '#/') {
  await page.goto(`${GATEWAY}/${hash}`);
  await page.locator('[data-testid=contact][data-contact=live]').waitFor();
}

export const ticketState = (page, name) => page.locator(`[data-testid=ticket-state][data-state=${name}]`).waitFor();

/** The ticket's one main button. */
export const press = (page, action) => page.getByTestId(`ticket-${action}`).click();

/** What the page asks for before a person's first action. */
export async function giveName(page, name = PERSON) {
  await page.getByTestId('person-name').fill(name);
  await page.getByTestId('person-name-save').click();
}

/** Tells a story in a browser of its own; `clear` is done whatever happened. */
export async function tell(story, clear) {
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
    await clear().catch(() => undefined);
    await browser.close();
  }
}
