// A leak in the fire main, as the person on duty lives it: the page shows it by itself, and the ticket goes from taken to closed.
//
// GATEWAY_URL and CONTROL_URL say where the gateway and the simulator's control are; SHOTS, if set, is where pictures go;
// CHROMIUM is the browser. Ends with 0 when all was seen, and with 1 and the reason otherwise.
import {
  asked,
  fault,
  GATEWAY,
  giveName,
  open,
  openTickets,
  PERSON,
  picture,
  press,
  speak,
  step,
  tell,
  ticketState,
} from './story.mjs';

const DEVICE = 'fire-main-1';
const leak = fault(DEVICE, 'main_leak');

async function story(page) {
  const fireWater = page.locator('[data-testid=subsystem][data-class=fire_water]');
  const alarmRow = page.locator(`[data-testid=alarm-row][data-alarm*="${DEVICE}"]`);

  await step('nobody has work on the fire main yet', async () => {
    const before = await openTickets(DEVICE);
    if (before.length > 0) throw new Error(`${before.map(({ id }) => id).join(', ')} of ${DEVICE} is open already`);
  });
  await step('the page opens, is live and shows the fire main calm', async () => {
    await open(page);
    await speak(page, 'zh');
    await fireWater.getByText('正常', { exact: true }).waitFor();
    await fireWater.getByText('MPa').first().waitFor();
    await page.evaluate(() => (window.openedOnce = true));
  });
  await picture(page, '1-calm');

  await step('the leak is injected', leak.inject);
  await step('the alarm and its ticket appear on the wall by themselves', async () => {
    await fireWater.getByText('紧急').waitFor();
    await page.getByTestId('wall-ticket').first().waitFor();
    await page.getByTestId('clock-left').first().waitFor();
  });
  await picture(page, '2-alarm');

  const ticket = await step('exactly one ticket is open, with 30 minutes to arrive', async () => {
    const open = await openTickets(DEVICE);
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
    await ticketState(page, 'open');
  });

  await step('it is accepted, and the page asks once who that is', async () => {
    await press(page, 'accept');
    await giveName(page);
    await ticketState(page, 'accepted');
  });
  await step('the technician arrives', async () => {
    await press(page, 'arrive');
    await ticketState(page, 'on_site');
  });
  await step('resolving is refused while the alarm is active, in words and in its place', async () => {
    await press(page, 'resolve');
    const refusal = page.getByTestId('refusal');
    await refusal.waitFor();
    const words = await refusal.innerText();
    if (!words.includes('报警还没有恢复')) throw new Error(`the refusal says: ${words}`);
    await ticketState(page, 'on_site');
  });
  await picture(page, '3-refused');

  await step('the leak is repaired, and the page sees the alarm go', async () => {
    await leak.clear();
    await page.locator('[data-testid=ticket-alarm][data-condition=clear]').waitFor();
  });
  await step('now it can be resolved', async () => {
    await press(page, 'resolve');
    await ticketState(page, 'resolved');
  });
  await step('and closed', async () => {
    await press(page, 'close');
    await ticketState(page, 'closed');
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

await tell(story, leak.clear);
