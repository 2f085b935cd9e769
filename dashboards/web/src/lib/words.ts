// Every word on the page, in both languages; a new one is added here and nowhere else.
import type { Lang, Text } from '../api/types';

export const words = {
  wall: { zh: '总览', en: 'Overview' },
  devices: { zh: '设备', en: 'Devices' },
  alarms: { zh: '报警', en: 'Alarms' },
  alarm: { zh: '报警', en: 'Alarm' },
  tickets: { zh: '工单', en: 'Tickets' },
  pages: { zh: '页面', en: 'Pages' },
  tagline: { zh: '设施监控', en: 'Facility monitoring' },
  skip: { zh: '跳到内容', en: 'Skip to content' },

  language: { zh: 'English', en: '中文' },
  theme_system: { zh: '跟随系统', en: 'As the system' },
  theme_light: { zh: '浅色', en: 'Light' },
  theme_dark: { zh: '深色', en: 'Dark' },
  theme: { zh: '外观', en: 'Appearance' },

  critical: { zh: '紧急', en: 'Critical' },
  high: { zh: '高', en: 'High' },
  medium: { zh: '中', en: 'Medium' },
  low: { zh: '低', en: 'Low' },
  normal: { zh: '正常', en: 'Normal' },
  unknown: { zh: '未知', en: 'Unknown' },
  returned: { zh: '已恢复 待确认', en: 'Back to normal, not yet seen' },
  returned_short: { zh: '待确认', en: 'To acknowledge' },

  running: { zh: '台运行', en: 'running' },
  lit: { zh: '盏亮', en: 'lamps lit' },
  sumps: { zh: '处正常', en: 'places normal' },
  protectors: { zh: '处完好', en: 'places sound' },
  devices_sound: { zh: '台正常', en: 'devices normal' },
  dark: { zh: '回路开灯', en: 'circuits on' },
  no_answer_since: { zh: '{n} 台设备无应答', en: '{n} not answering' },
  some_unread: { zh: '有点位读不到', en: 'some points cannot be read' },
  sound_of: { zh: '{total} 台中 {n} 台正常', en: '{n} of {total} devices normal' },
  device_count: { zh: '{n} 台设备', en: '{n} devices' },
  one_device: { zh: '1 台设备', en: '1 device' },
  out_count: { zh: '{n} 台停用', en: '{n} out of service' },

  next_clocks: { zh: '最先到期的工单', en: 'Next to run out' },
  no_clocks: { zh: '没有工单在计时', en: 'No clock is running' },
  no_clocks_more: {
    zh: '一切正常时,这里就是空的。出现故障时,工单和剩余时间会自己出现。',
    en: 'This is how it looks when all is well. A fault brings its ticket and its time left here by itself.',
  },
  more_tickets: { zh: '还有 {n} 张工单', en: '{n} more tickets' },
  respond_left: { zh: '响应还剩', en: 'Left to respond' },
  arrive_left: { zh: '到场还剩', en: 'Left to arrive' },
  resolve_left: { zh: '修复还剩', en: 'Left to resolve' },
  respond_over: { zh: '响应已超时', en: 'Response overdue' },
  arrive_over: { zh: '到场已超时', en: 'Arrival overdue' },
  resolve_over: { zh: '修复已超时', en: 'Repair overdue' },
  due_at: { zh: '{at} 到期', en: 'due {at}' },
  provisional: { zh: '暂定', en: 'provisional' },

  respond: { zh: '响应', en: 'Respond' },
  arrive: { zh: '到场', en: 'Arrive' },
  resolve: { zh: '修复', en: 'Resolve' },
  accept: { zh: '接单', en: 'Accept' },
  close: { zh: '关闭', en: 'Close' },
  do_accept: { zh: '接单', en: 'Accept' },
  do_arrive: { zh: '我已到场', en: 'I am on site' },
  do_resolve: { zh: '已修复', en: 'It works again' },
  do_close: { zh: '关闭工单', en: 'Close ticket' },
  do_resume: { zh: '配件已到,继续', en: 'Parts are here, go on' },
  do_wait: { zh: '等配件', en: 'Wait for parts' },
  do_reopen: { zh: '重新打开', en: 'Reopen' },
  do_cancel: { zh: '取消工单', en: 'Cancel ticket' },
  do_comment: { zh: '加备注', en: 'Add a note' },
  more_actions: { zh: '其他操作', en: 'More' },
  sending: { zh: '正在发送…', en: 'Sending…' },
  send: { zh: '发送', en: 'Send' },
  back: { zh: '返回', en: 'Back' },
  note: { zh: '备注', en: 'Note' },
  reason: { zh: '原因', en: 'Reason' },
  reason_hint: { zh: '例如:现场已用临时阀门隔离,压力表读数正常', en: 'e.g. isolated by hand, gauge on site reads normal' },
  resolve_with_reason: { zh: '说明原因,仍报修复', en: 'Resolve with a reason' },
  parts: { zh: '要买的配件', en: 'Parts to be bought' },
  told_whom: { zh: '告知了谁', en: 'Who was told' },
  told_what: { zh: '告知了什么', en: 'What they were told' },

  who: { zh: '您的姓名', en: 'Your name' },
  who_why: { zh: '会记在工单上,只问一次', en: 'It is kept with the ticket; asked only once' },
  go_on: { zh: '继续', en: 'Continue' },
  signed_as: { zh: '操作人', en: 'Acting as' },
  change: { zh: '更改', en: 'Change' },

  refused: { zh: '没有办成', en: 'Not done' },
  refused_resolve: { zh: '报警还没有恢复,不能报“已修复”。', en: 'The alarm has not cleared, so it cannot be called resolved.' },
  refused_state: { zh: '工单现在的状态不允许这一步。', en: 'The ticket does not allow this step as it stands now.' },
  refused_field: { zh: '还缺内容。', en: 'Something is missing.' },
  refused_other: { zh: '网关没有接受({n})。', en: 'The gateway did not accept it ({n}).' },
  unreached: { zh: '没有信号,这一步没有送到。有信号后请再按一次。', en: 'No signal: this did not arrive. Press again once there is one.' },

  open: { zh: '待接单', en: 'Open' },
  accepted: { zh: '已接单', en: 'Accepted' },
  on_site: { zh: '已到场', en: 'On site' },
  waiting: { zh: '等配件', en: 'Waiting for parts' },
  resolved: { zh: '已修复', en: 'Resolved' },
  closed: { zh: '已关闭', en: 'Closed' },
  cancelled: { zh: '已取消', en: 'Cancelled' },
  ticket: { zh: '工单', en: 'Ticket' },
  ticket_new: { zh: '报修', en: 'Report a fault' },
  now: { zh: '现在', en: 'Now' },
  happened: { zh: '发生', en: 'Since' },
  taken: { zh: '接单', en: 'Taken' },
  device: { zh: '设备', en: 'Device' },
  standard: { zh: '服务标准', en: 'Standard' },
  clocks: { zh: '时限', en: 'Clocks' },
  previous: { zh: '上一张工单', en: 'Earlier ticket' },
  steps: { zh: '经过', en: 'What was done' },
  procedure: { zh: '处置程序', en: 'Procedure' },
  no_procedure: { zh: '这条规则没有附处置程序。', en: 'This rule has no procedure attached.' },
  clock_running: { zh: '计时中', en: 'running' },
  clock_paused: { zh: '已暂停', en: 'paused' },
  clock_met: { zh: '按时', en: 'in time' },
  clock_missed: { zh: '超时', en: 'missed' },
  clock_overdue: { zh: '已超时', en: 'overdue' },

  filter_open: { zh: '进行中', en: 'Open' },
  filter_all: { zh: '全部', en: 'All' },
  filter_standing: { zh: '当前', en: 'Standing' },
  search: { zh: '按名称、编号、位置查找', en: 'Find by name, id or place' },
  all_classes: { zh: '全部子系统', en: 'All subsystems' },
  shown_of: { zh: '{n} / {total}', en: '{n} of {total}' },
  origin_person: { zh: '人工报修', en: 'Reported' },
  origin_planned: { zh: '计划工作', en: 'Planned work' },

  acknowledge: { zh: '确认', en: 'Acknowledge' },
  reset: { zh: '复位', en: 'Reset' },
  unshelve: { zh: '取消搁置', en: 'Unshelve' },
  'in-service': { zh: '恢复使用', en: 'Back in service' },
  active_unacked: { zh: '报警中 未确认', en: 'Active, not acknowledged' },
  active_acked: { zh: '报警中 已确认', en: 'Active, acknowledged' },
  returned_unacked: { zh: '已恢复 待确认', en: 'Back to normal, to acknowledge' },
  latched: { zh: '已锁定 待复位', en: 'Latched, to be reset' },
  shelved: { zh: '已搁置', en: 'Shelved' },
  suppressed: { zh: '被上级抑制', en: 'Suppressed' },
  alarm_out_of_service: { zh: '停用', en: 'Out of service' },
  alarm_normal: { zh: '正常', en: 'Normal' },
  condition_active: { zh: '还在', en: 'still active' },
  condition_clear: { zh: '已恢复', en: 'cleared' },
  condition_unknown: { zh: '状态未知', en: 'condition unknown' },
  new_alarm: { zh: '新报警', en: 'New alarm' },

  ok: { zh: '正常', en: 'OK' },
  degraded: { zh: '部分点位无效', en: 'Some points not good' },
  offline: { zh: '无应答', en: 'Not answering' },
  never_read: { zh: '从未读到', en: 'Never read' },
  out_of_service: { zh: '停用', en: 'Out of service' },

  points: { zh: '点位', en: 'Points' },
  trend: { zh: '趋势', en: 'Trend' },
  least: { zh: '最低', en: 'lowest' },
  greatest: { zh: '最高', en: 'highest' },
  window: { zh: '时段', en: 'Window' },
  w15m: { zh: '15 分钟', en: '15 min' },
  w1h: { zh: '1 小时', en: '1 h' },
  w6h: { zh: '6 小时', en: '6 h' },
  w24h: { zh: '24 小时', en: '24 h' },
  w7d: { zh: '7 天', en: '7 d' },
  no_history: { zh: '这段时间没有记录', en: 'Nothing was recorded in this time' },
  no_history_more: { zh: '选长一点的时段,或等设备被读到几次。', en: 'Choose a longer window, or wait until the device has been read a few times.' },
  no_trend: { zh: '文字点位没有趋势图', en: 'A text has no trend' },
  no_trend_more: { zh: '请在下面选一个数值点位。', en: 'Choose a numeric point below.' },
  trend_failed: { zh: '趋势没有取到', en: 'The trend could not be fetched' },
  identity: { zh: '档案', en: 'Record' },
  profile: { zh: '型号', en: 'Profile' },
  connection: { zh: '连接', en: 'Connection' },
  place: { zh: '位置', en: 'Place' },
  id: { zh: '编号', en: 'Id' },
  subsystem: { zh: '子系统', en: 'Subsystem' },

  no_alarms: { zh: '没有报警', en: 'No alarms' },
  no_alarms_more: { zh: '所有规则都在正常范围内。新报警会自己出现在这里。', en: 'Every rule is within its limits. A new alarm appears here by itself.' },
  no_tickets: { zh: '没有进行中的工单', en: 'No open tickets' },
  no_tickets_more: { zh: '故障会自动开工单;处理完的在“全部”里。', en: 'Faults open tickets by themselves; finished ones are under “All”.' },
  no_tickets_ever: { zh: '还没有工单', en: 'No tickets yet' },
  no_tickets_ever_more: { zh: '故障会自动开工单。', en: 'Faults open tickets by themselves.' },
  no_devices: { zh: '没有设备', en: 'No devices' },
  no_devices_more: { zh: '在站点文件夹的 devices.csv 里加上设备,再启动网关。', en: "Add devices to devices.csv in the site's folder and start the gateway again." },
  no_match: { zh: '没有符合的设备', en: 'No device matches' },
  no_match_more: { zh: '换一个词,或清除筛选。', en: 'Try another word, or clear the filter.' },
  clear_filter: { zh: '清除筛选', en: 'Clear filter' },
  not_found: { zh: '没有这个页面', en: 'No such page' },
  not_found_more: { zh: '地址可能写错了,或者它已经不在了。', en: 'The address may be wrong, or it is no longer there.' },
  to_wall: { zh: '回到总览', en: 'Back to the overview' },

  gateway: { zh: '网关', en: 'Gateway' },
  online: { zh: '在线', en: 'online' },
  reaching: { zh: '正在连接', en: 'connecting' },
  data_from: { zh: '数据 {age}', en: 'data {age}' },
  good_points: { zh: '正常', en: 'good' },
  on_duty: { zh: '值班', en: 'On duty' },
  nobody: { zh: '无人值班', en: 'nobody' },
  unsent: { zh: '通知未送出', en: 'notices not sent' },
  no_database: { zh: '未接数据库', en: 'no database' },
  local_history: { zh: '本地历史', en: 'Local history' },
  written: { zh: '已写入', en: 'written' },
  db_waiting: { zh: '等待中', en: 'waiting' },
  db_failing: { zh: '写不进去', en: 'failing' },
  db_pending: { zh: '待送 {size}', en: '{size} to send' },
  lost: { zh: '连不上网关', en: 'Gateway not reached' },
  lost_more: { zh: '数值已停在 {at},现在的情况未知。正在重新连接…', en: 'Values stopped at {at}; what is true now is unknown. Reconnecting…' },
  lost_never: { zh: '还没有收到任何数据。正在重新连接…', en: 'Nothing has been received yet. Reconnecting…' },
  lost_short: { zh: '没有信号', en: 'No signal' },
  since_at: { zh: '{at} 起', en: 'since {at}' },

  report_title: { zh: '报修', en: 'Report a fault' },
  report_what: { zh: '什么坏了', en: 'What is wrong' },
  report_standard: { zh: '按哪条标准', en: 'Under which row' },
  report_device: { zh: '哪台设备(可不填)', en: 'Which device (optional)' },
  report_reporter: { zh: '谁报的(可不填)', en: 'Who reported it (optional)' },
  report_send: { zh: '开工单', en: 'Open ticket' },
} as const satisfies Record<string, Text>;

export type Word = keyof typeof words;

/** A word in a language, with what stands in braces filled in. */
export function say(lang: Lang, word: Word, filled: Record<string, string | number> = {}): string {
  return words[word][lang].replace(/\{(\w+)\}/g, (_, name: string) => String(filled[name] ?? ''));
}

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
  comment: { zh: '备注', en: 'note' },
  condition_normal: { zh: '报警恢复', en: 'alarm cleared' },
  condition_back: { zh: '再次报警', en: 'alarm came back' },
  overdue_respond: { zh: '响应超时', en: 'response overdue' },
  overdue_arrive: { zh: '到场超时', en: 'arrival overdue' },
  overdue_resolve: { zh: '修复超时', en: 'repair overdue' },
};

/** What a step of a ticket's history was; one that is not known here is shown as the gateway says it. */
export const stepWords = (what: string, lang: Lang): string => STEPS[what]?.[lang] ?? what;

const DOERS: Record<string, Text> = {
  gateway: { zh: '网关', en: 'the gateway' },
  telemetry: { zh: '遥测', en: 'telemetry' },
};

/** Who did something: a person by name, the gateway and its telemetry in words. */
export const doerWords = (by: string, lang: Lang): string => DOERS[by]?.[lang] ?? by;
