// Tests of planned work's due days.
import { expect, test } from 'vitest';
import type { Ticket } from '../api/types';
import { dueWords, inDueOrder } from './planned';

test('a due day is counted as people count days', () => {
  expect(dueWords('2026-11-24', '2026-11-30', 'zh')).toEqual({ words: '还剩 6 天', late: false });
  expect(dueWords('2026-11-30', '2026-12-01', 'en')).toEqual({ words: 'due tomorrow', late: false });
  expect(dueWords('2026-11-30', '2026-11-30', 'en')).toEqual({ words: 'due today', late: false });
  expect(dueWords('2026-12-02', '2026-11-30', 'zh')).toEqual({ words: '已过期 2 天', late: true });
});

test('only planned work is listed, the soonest due first', () => {
  const one = (id: string, due: string | null) => ({ id, planned: due === null ? null : { due } }) as unknown as Ticket;
  const tickets = [one('a', '2026-12-01'), one('b', null), one('c', '2026-11-30')];
  expect(inDueOrder(tickets).map((ticket) => ticket.id)).toEqual(['c', 'a']);
});
