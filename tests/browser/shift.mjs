// A shift at the desk: a resident's report with its answer and photo, an alarm set aside, points compared, the handover, the month's report.
//
// GATEWAY_URL and CONTROL_URL say where the gateway and the simulator's control are; SHOTS, if set, is where pictures go;
// CHROMIUM is the browser. Ends with 0 when all was seen, and with 1 and the reason otherwise.
import { createHash } from 'node:crypto';
import { asked, fault, GATEWAY, giveName, open, PERSON, picture, press, step, tell, ticketState } from './story.mjs';

const DEVICE = 'fire-main-2';
const REPORTER = '3号楼402 王女士 138 0000 4521';
const PHOTO = Buffer.from('not really a photo, but bytes that must come back as they went');
const leak = fault(DEVICE, 'main_leak');

async function story(page) {
  await open(page, '#/report');
  const ticket = await step('a fault is reported with its reporter, and its ticket opens', () => reported(page));
  await picture(page, 'shift-1-reported');
  await step('only telling the reporter stops the respond clock', () => answered(page, ticket));
  await step('a photo is attached, shown with its hash, and comes back as it went', () => attached(page, ticket));
  await step('the ticket is given to somebody', async () => {
    await page.getByTestId('ticket-more').click();
    await page.getByTestId('more-assign').click();
    await page.locator('#more-actions input').fill('李志强');
    await page.getByTestId('more-send').click();
    await page.locator('[data-testid=ticket-step][data-what=assigned]').waitFor();
  });
  await picture(page, 'shift-2-ticket');

  await step('an alarm is shelved with a reason, and taken back', () => shelved(page));
  await step('the nameplate is written down, and a document kept with the device', () => plated(page));
  await picture(page, 'shift-3-record');
  await step('a point is compared with the instrument', () => compared(page));
  await picture(page, 'shift-4-sheet');
  await step('the link says how often the device was asked, and the connections are up', () => linked(page));
  await picture(page, 'shift-5-connections');

  await step('the plan says what is due next', async () => {
    await page.goto(`${GATEWAY}/#/planned`);
    await page.getByTestId('planned-plan').click();
    await page.locator('[data-testid=plan][data-plan=fire-patrol]').waitFor();
  });
  await picture(page, 'shift-plan');

  await step('the shift is handed over, and only another person confirms it', () => handedOver(page));
  await picture(page, 'shift-6-handover');
  await step("the month's report leads from a figure to the ticket", () => followed(page, ticket));
}

async function reported(page) {
  await page.getByTestId('fault-summary').fill('消防泵房门口渗水');
  await page.getByTestId('fault-device').selectOption(DEVICE);
  await page.getByTestId('fault-standard').selectOption('general-fault');
  await page.getByTestId('fault-reporter').fill(REPORTER);
  await page.getByTestId('fault-send').click();
  await giveName(page);
  await ticketState(page, 'open');
  await page.getByTestId('ticket-reporter').getByText(REPORTER).waitFor();
  const id = decodeURIComponent(page.url().split('/').at(-1));
  const { items } = await asked(`${GATEWAY}/api/v1/tickets`);
  const listed = items.find((one) => one.id === id);
  if (JSON.stringify(listed).includes('138')) throw new Error('the list names the reporter');
  return id;
}

async function answered(page, ticket) {
  await press(page, 'accept');
  await ticketState(page, 'accepted');
  const clock = (state) =>
    page.locator(`[data-testid=ticket-clock][data-clock=respond][data-state=${state}]`).waitFor();
  await clock('running');
  await page.getByTestId('ticket-tell').click();
  await page.locator('#more-actions textarea').fill('半小时内到');
  await page.getByTestId('more-send').click();
  await clock('met');
  await page.locator('[data-testid=ticket-step]').getByText(`已告知 ${REPORTER}`).waitFor();
  const { steps } = await asked(`${GATEWAY}/api/v1/tickets/${encodeURIComponent(ticket)}`);
  if (!steps.some(({ told }) => told?.what === '半小时内到')) throw new Error('the gateway did not keep what was told');
}

async function attached(page, ticket) {
  const sha256 = createHash('sha256').update(PHOTO).digest('hex');
  const files = [{ name: '渗水 1.jpg', mimeType: 'image/jpeg', buffer: PHOTO }];
  await page.getByTestId('ticket-attach').first().setInputFiles(files);
  await page.getByTestId('attachment').getByText(sha256).waitFor();
  const address = await page.getByTestId('attachment').getByRole('link').getAttribute('href');
  const answer = await fetch(new URL(address, `${GATEWAY}/`));
  const back = Buffer.from(await answer.arrayBuffer());
  if (!back.equals(PHOTO)) throw new Error(`${ticket}: ${address} gave other bytes back`);
}

async function shelved(page) {
  await leak.inject();
  await open(page, '#/alarms');
  const row = (state) => page.locator(`[data-testid=alarm-row][data-alarm*="${DEVICE}"][data-state=${state}]`);
  await row('active_unacked').first().waitFor();
  await row('active_unacked').first().getByTestId('alarm-more').click();
  await picture(page, 'shift-alarm');
  await page.getByTestId('aside-reason').fill('管网试压,已通知监控室');
  await page.getByTestId('aside-send').click();
  await row('shelved').first().waitFor();
  await page.getByTestId('alarms-aside').click();
  await row('shelved').first().getByTestId('alarm-unshelve').click();
  await row('shelved').first().waitFor({ state: 'detached' });
  await leak.clear();
}

async function plated(page) {
  await open(page, `#/devices/${DEVICE}/record`);
  await page.getByTestId('nameplate-write').click();
  await page.getByTestId('plate-model').fill('XBD6/20-SLH');
  await page.getByTestId('plate-save').click();
  await page.getByText('XBD6/20-SLH').waitFor();
  const manual = { name: '说明书.pdf', mimeType: 'application/pdf', buffer: PHOTO };
  await page.getByTestId('document-add').setInputFiles([manual]);
  const address = await page.getByRole('link', { name: '说明书.pdf' }).getAttribute('href');
  const answer = await fetch(new URL(address, `${GATEWAY}/`));
  if (!Buffer.from(await answer.arrayBuffer()).equals(PHOTO)) throw new Error(`${address} gave other bytes back`);
}

async function compared(page) {
  await page.getByTestId('side-sheet').click();
  const line = page.locator('[data-testid=sheet-line][data-point=main_pressure]');
  await line.getByTestId('sheet-compare').click();
  await line.getByTestId('sheet-seen').fill('0,42');
  await line.getByTestId('sheet-instrument').fill('0.4 级压力表');
  await line.getByTestId('sheet-save').click();
  await page.locator('[data-testid=sheet-line][data-point=main_pressure][data-checked=true]').waitFor();
  await line.getByText('0.42 MPa').waitFor();
}

async function linked(page) {
  await page.getByTestId('side-link').click();
  const polls = page.getByTestId('link-polls');
  await polls.waitFor();
  if (Number((await polls.innerText()).replace(',', '')) === 0) throw new Error('the device was never asked');
  await page.goto(`${GATEWAY}/#/connections`);
  await page.locator('[data-testid=connection][data-state=up]').first().waitFor();
  const down = await page.locator('[data-testid=connection][data-state=down]').count();
  if (down > 0) throw new Error(`${down} connections are down`);
}

async function handedOver(page) {
  await page.goto(`${GATEWAY}/#/handovers`);
  await page.getByTestId('handover-new').click();
  await page.getByTestId('handover-note').fill('渗水已答复业主,等厂家。');
  await page.getByTestId('handover-send').click();
  const first = page.getByTestId('handover').first();
  await first.getByText(`${PERSON} 交班`).waitFor();
  if ((await first.getByTestId('handover-confirm').count()) > 0) throw new Error('one could confirm to oneself');
  await page.goto(`${GATEWAY}/#/more`);
  await page.getByTestId('person-change').click();
  await giveName(page, '李志强');
  await page.goto(`${GATEWAY}/#/handovers`);
  await first.getByTestId('handover-confirm').click();
  await first.getByText('李志强 已接班').waitFor();
  await first.getByRole('link').first().click();
  await page.getByText('消防泵房门口渗水').first().waitFor();
}

async function followed(page, ticket) {
  await page.goto(`${GATEWAY}/#/service-report`);
  await page.getByTestId('report-kept').waitFor();
  await picture(page, 'shift-7-report');
  await page.locator('.all a').first().click();
  await page.locator(`[data-testid=ticket-row][data-ticket="${ticket}"]`).waitFor();
  await picture(page, 'shift-8-behind');
}

await tell(story, leak.clear);
