// Tests of how the gateway is asked, and of reading what it says when it refuses.
import { afterEach, expect, test, vi } from 'vitest';
import { asRefusal, attach, handovers, problemText, problemTexts, reportAddress } from './client';

afterEach(() => vi.unstubAllGlobals());

/** What was asked for; every question is answered in the same way. */
function answering(status: number, body: unknown): { url: string; init: RequestInit }[] {
  const asked: { url: string; init: RequestInit }[] = [];
  vi.stubGlobal('fetch', (url: string, init: RequestInit) => {
    asked.push({ url, init });
    return Promise.resolve(new Response(JSON.stringify(body), { status }));
  });
  return asked;
}

test('a problem is told by its detail, or its title, or not at all', () => {
  expect(problemText({ title: 'Conflict', detail: 'The alarm is active.' })).toBe('The alarm is active.');
  expect(problemText({ title: 'Conflict' })).toBe('Conflict');
  expect(problemText(null)).toBe('');
});

test('a problem that has both languages is told in both, and one that has not in neither', () => {
  expect(problemTexts({ text: { zh: '没有', en: 'no' } })).toEqual({ zh: '没有', en: 'no' });
  expect([problemTexts({ text: { en: 'no' } }), problemTexts({ text: 'no' }), problemTexts(null)]).toEqual([
    null,
    null,
    null,
  ]);
});

test("a file is sent as it is, with its name and the person's in the address", async () => {
  const asked = answering(200, { id: 'T/1' });
  await attach('T/1', new File(['bytes'], '泵 1.jpg'), '张建国');
  const [one] = asked;
  const url = new URL(one?.url ?? '', 'http://gateway/');
  expect(url.pathname).toBe('/api/v1/tickets/T%2F1/attachments');
  expect([url.searchParams.get('name'), url.searchParams.get('by')]).toEqual(['泵 1.jpg', '张建国']);
  expect(one?.init.body).toBeInstanceOf(File);
});

test('what the gateway refuses comes with its status and its words', async () => {
  answering(409, { detail: 'confirmed already', text: { zh: '已经确认过', en: 'confirmed already' } });
  const refusal = await handovers().then(() => null, asRefusal);
  expect(refusal).toMatchObject({ status: 409, detail: 'confirmed already', text: { zh: '已经确认过' } });
});

test('a day, a month and a quarter have their own parameter', () => {
  expect(reportAddress('2026-11', 'csv')).toBe('api/v1/report?month=2026-11&format=csv');
  expect(reportAddress('2026-11-24', 'csv')).toBe('api/v1/report?day=2026-11-24&format=csv');
  expect(reportAddress('2026-Q4', 'html')).toBe('api/v1/report?quarter=2026-Q4&format=html');
});
