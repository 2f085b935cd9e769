// The facility's own terms in both languages: classes, rows of the service standard, reasons, steps.
import type { Lang, Planned, Text, TicketStep } from '../api/types';
import { say } from './words';

const CLASS_NAMES: Record<string, Text> = {
  fire_water: { zh: '消防供水', en: 'Fire water' },
  water_supply: { zh: '二次供水', en: 'Water supply' },
  elevator: { zh: '电梯', en: 'Elevators' },
  power: { zh: '供配电', en: 'Power' },
  lighting: { zh: '公共照明', en: 'Lighting' },
  drainage: { zh: '排水排污', en: 'Drainage' },
  low_current: { zh: '弱电', en: 'Low current' },
  lightning: { zh: '避雷', en: 'Lightning' },
};

/** A class's name; a site's own class shows its id. */
export const className = (name: string, lang: Lang): string => CLASS_NAMES[name]?.[lang] ?? name;

const STANDARD_NAMES: Record<string, Text> = {
  'urgent-repair': { zh: '急修', en: 'Urgent repair' },
  'fire-water': { zh: '消防供水', en: 'Fire water' },
  elevator: { zh: '电梯一般故障', en: 'Elevator, ordinary fault' },
  'elevator-entrapment': { zh: '电梯困人', en: 'Passengers trapped' },
  power: { zh: '供电一般故障', en: 'Power, ordinary fault' },
  'water-supply': { zh: '供水一般故障', en: 'Water supply, ordinary fault' },
  drainage: { zh: '排水排污', en: 'Drainage' },
  lighting: { zh: '照明一般故障', en: 'Lighting, ordinary fault' },
  'lighting-complex': { zh: '照明复杂故障', en: 'Lighting, complex fault' },
  'general-fault': { zh: '一般故障', en: 'General fault' },
  'repair-report': { zh: '报事报修', en: 'Repair report' },
  complaint: { zh: '一般投诉', en: 'Complaint' },
  'complaint-severe': { zh: '严重投诉', en: 'Severe complaint' },
  planned: { zh: '计划工作', en: 'Planned work' },
};

export const STANDARDS = Object.keys(STANDARD_NAMES).filter((id) => id !== 'planned');

/** A row of the service standard by name; a site's own row shows its id. */
export const standardName = (id: string, lang: Lang): string => STANDARD_NAMES[id]?.[lang] ?? id;

const ROLE_NAMES: Record<string, Text> = {
  technician: { zh: '技术员', en: 'technician' },
  lead: { zh: '主管', en: 'lead' },
  manager: { zh: '经理', en: 'manager' },
};

/** A role of the roster by name; a site's own role shows as it is written there. */
export const roleName = (role: string, lang: Lang): string => ROLE_NAMES[role]?.[lang] ?? role;

const REASONS: Record<string, Text> = {
  no_answer: { zh: '无应答', en: 'no answer' },
  refused: { zh: '设备拒绝', en: 'refused by the device' },
  out_of_range: { zh: '超出量程', en: 'out of range' },
  no_value: { zh: '设备没有给值', en: 'the device gives no value' },
  malformed: { zh: '应答格式不对', en: 'the answer is malformed' },
  absent: { zh: '消息里没有这个值', en: 'not in the message' },
  not_read_yet: { zh: '还没读到', en: 'not read yet' },
  out_of_service: { zh: '停用', en: 'out of service' },
};

/** Why a reading is not good; a reason that is not known here is shown as the gateway says it. */
export function reasonWords(reason: string | null, lang: Lang): string {
  if (reason === null) return say(lang, 'unknown');
  const exact = REASONS[reason] ?? REASONS[reason.replace(/[\s-]+/g, '_').toLowerCase()];
  const kind = /^(refused)\D+(\d+)/.exec(reason);
  if (kind) return `${REASONS['refused']?.[lang] ?? ''} (${kind[2] ?? ''})`;
  return exact?.[lang] ?? reason;
}

const STEPS: Record<string, Text> = {
  opened: { zh: '开单', en: 'opened' },
  accepted: { zh: '接单', en: 'accepted' },
  arrived: { zh: '到场', en: 'arrived' },
  resolved: { zh: '报修复', en: 'resolved' },
  closed: { zh: '关闭', en: 'closed' },
  waiting: { zh: '等配件', en: 'waiting for parts' },
  resumed: { zh: '继续', en: 'resumed' },
  reopened: { zh: '重新打开', en: 'reopened' },
  cancelled: { zh: '取消', en: 'cancelled' },
  assigned: { zh: '指派', en: 'assigned' },
  raised: { zh: '升级', en: 'raised' },
  attached: { zh: '附上文件', en: 'file attached' },
  checked: { zh: '完成检查项', en: 'item done' },
  comment: { zh: '备注', en: 'note' },
  condition_normal: { zh: '报警恢复', en: 'alarm cleared' },
  condition_back: { zh: '再次报警', en: 'alarm came back' },
  overdue_respond: { zh: '响应超时', en: 'response overdue' },
  overdue_arrive: { zh: '到场超时', en: 'arrival overdue' },
  overdue_resolve: { zh: '修复超时', en: 'repair overdue' },
};

const CLOCK_NAMES: Record<string, Text> = {
  respond: { zh: '响应', en: 'response' },
  arrive: { zh: '到场', en: 'arrival' },
  resolve: { zh: '修复', en: 'repair' },
};

/** What a step of a ticket's history was; one that is not known here is shown as the gateway says it. */
export function stepWords(what: string, lang: Lang): string {
  const known = STEPS[what]?.[lang];
  if (known !== undefined) return known;
  const [, event, clock = '', share] = /^(due_soon|escalated)_(\w+)_(\d+)$/.exec(what) ?? [];
  const name = CLOCK_NAMES[clock]?.[lang];
  if (name === undefined) return what;
  if (event === 'escalated') return lang === 'zh' ? `${name}超时,已上报` : `${name} overdue, escalated`;
  return lang === 'zh' ? `${name}时限已过 ${share}%,已提醒` : `${share}% of the ${name} time used, reminded`;
}

/** What a step says beside its name: rows by their names, a file without its hash, and nothing that `told` says again. */
export function stepNote(step: TicketStep, lang: Lang, planned: Planned | null = null): string {
  const note = step.note ?? '';
  if (note === step.told?.what) return '';
  if (step.what === 'raised') {
    const rows = note.split(' → ');
    return rows.map((row) => standardName(row, lang)).join(' → ');
  }
  const item = step.what === 'checked' ? planned?.checklist[Number.parseInt(note, 10) - 1] : undefined;
  if (item !== undefined) return item.text[lang];
  return step.what === 'attached' ? note.replace(/ sha256:[0-9a-f]{64}$/, '') : note;
}

const DOERS: Record<string, Text> = {
  gateway: { zh: '网关', en: 'the gateway' },
  telemetry: { zh: '遥测', en: 'telemetry' },
};

/** Who did something: a person by name, the gateway and its telemetry in words. */
export const doerWords = (by: string, lang: Lang): string => DOERS[by]?.[lang] ?? by;
