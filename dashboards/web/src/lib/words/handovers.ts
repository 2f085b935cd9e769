// Words of handovers: what one shift leaves to the next.
import type { Text } from '../../api/types';

export const handovers = {
  handovers: { zh: '交接班', en: 'Handovers' },
  handover: { zh: '交接班', en: 'Handover' },
  handovers_more: {
    zh: '交班的人写下情况,接班的人确认。未完成的工作由网关自动列入。',
    en: 'The leaving shift writes, the coming one confirms. What is open is filled in by the gateway.',
  },
  handover_write: { zh: '写交班记录', en: 'Hand over' },
  handover_note: { zh: '交代什么', en: 'What the next shift should know' },
  handover_note_hint: {
    zh: '例如:2号生活泵异响,已约厂家明早九点;地下车库东口积水已排',
    en: 'e.g. pump 2 is noisy, the maker comes at nine tomorrow; the garage ramp has been drained',
  },
  handover_filled: { zh: '会一并记下', en: 'Filled in by itself' },
  handover_send: { zh: '交班', en: 'Hand over' },
  handover_confirm: { zh: '确认接班', en: 'Confirm' },
  handover_own: { zh: '由接班的人确认,不能是交班人自己。', en: 'The coming shift confirms, not the one who wrote it.' },
  handover_open: { zh: '等待接班确认', en: 'To be confirmed' },
  handover_confirmed: { zh: '{by} 已接班', en: 'confirmed by {by}' },
  handover_by: { zh: '{by} 交班', en: '{by} hands over' },
  no_handovers: { zh: '还没有交接班记录', en: 'No handovers yet' },
  no_handovers_more: {
    zh: '下班前写一条,接班的人确认后就留档了。',
    en: 'Write one at the end of a shift; once confirmed it is on record.',
  },
  open_tickets: { zh: '未完成的工单', en: 'Open tickets' },
  open_alarms: { zh: '未恢复的报警', en: 'Alarms' },
  aside_alarms: { zh: '搁置或停用的报警', en: 'Alarms set aside' },
  open_then: { zh: '当时', en: 'as it was then' },
  n_tickets: { zh: '{n} 张工单', en: '{n} ticket(s)' },
  n_alarms: { zh: '{n} 条报警', en: '{n} alarm(s)' },
  n_aside: { zh: '{n} 条搁置', en: '{n} set aside' },
  nothing_open: { zh: '没有未完成的工作', en: 'nothing open' },
  journal_head: { zh: '日志链末端', en: "Journal's head" },
  journal_why: {
    zh: '此刻操作日志的校验值:记录若被改动或删去,就对不上。',
    en: 'The journal hashed to this then: what is changed or removed later does not fit it.',
  },
} as const satisfies Record<string, Text>;
