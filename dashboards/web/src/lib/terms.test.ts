// Tests of the facility's terms.
import { expect, test } from 'vitest';
import { reasonWords, stepNote, stepWords } from './terms';

test('a reason is told in words, and one that is unknown here as the gateway says it', () => {
  expect(reasonWords('no_answer', 'zh')).toBe('无应答');
  expect(reasonWords('refused_2', 'en')).toBe('refused by the device (2)');
  expect(reasonWords('stuck', 'en')).toBe('stuck');
});

test('a reminder before a deadline is told with its clock and share', () => {
  expect(stepWords('due_soon_arrive_50', 'zh')).toBe('到场时限已过 50%,已提醒');
  expect(stepWords('escalated_resolve_100', 'en')).toBe('repair overdue, escalated');
  expect(stepWords('due_soon_lunch_50', 'en')).toBe('due_soon_lunch_50');
});

test('a note says what a person would: rows by name, a file without its hash, nothing twice', () => {
  const step = (what: string, note: string) => ({ at: '', by: '', what, note });
  expect(stepNote(step('raised', 'lighting → urgent-repair'), 'zh')).toBe('照明一般故障 → 急修');
  expect(stepNote(step('attached', `泵 1.jpg sha256:${'0a'.repeat(32)}`), 'en')).toBe('泵 1.jpg');
  const checklist = [{ text: { zh: '液位正常', en: 'Levels right' }, done_at: null, done_by: null }];
  const planned = { work: '', due: '', missed: 0, evidence: { zh: '', en: '' }, checklist };
  expect(stepNote(step('checked', '1: 液位正常'), 'en', planned)).toBe('Levels right');
  const told = { whom: '王女士', what: '明早更换', at: '' };
  expect(stepNote({ ...step('comment', '明早更换'), told }, 'zh')).toBe('');
  expect(stepNote({ ...step('waiting', '轴承'), told }, 'zh')).toBe('轴承');
});
