// Tests of what a handover finds open.
import { expect, test } from 'vitest';
import type { Handover } from '../api/records';
import type { Alarm, Ticket } from '../api/types';
import { countsNow, countsWords, withHandover } from './handovers';

test('what is open is counted as the gateway fills it in', () => {
  const tickets = ['open', 'resolved', 'closed', 'cancelled'].map((state) => ({ state }) as Ticket);
  const alarms = ['active_acked', 'returned_unacked', 'shelved', 'out_of_service'].map((state) => ({ state }) as Alarm);
  expect(countsNow(tickets, alarms)).toEqual({ tickets: 2, alarms: 2, aside: 2 });
  expect(countsWords({ tickets: 2, alarms: 0, aside: 1 }, 'zh')).toBe('2 张工单 · 1 条搁置');
  expect(countsWords({ tickets: 0, alarms: 0, aside: 0 }, 'en')).toBe('nothing open');
});

test('a handover that was confirmed takes its old place, and a new one comes first', () => {
  const one = (id: string, minute: number, by: string | null = null) =>
    ({ id, at: new Date(minute * 60_000).toISOString(), confirmed_by: by }) as Handover;
  const log = [one('H-2', 2), one('H-1', 1)];
  expect(withHandover(log, one('H-1', 1, '李志强')).map((h) => [h.id, h.confirmed_by])).toEqual([
    ['H-2', null],
    ['H-1', '李志强'],
  ]);
  expect(withHandover(log, one('H-3', 3))[0]?.id).toBe('H-3');
});
