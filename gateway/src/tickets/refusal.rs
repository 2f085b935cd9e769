//! Why an action on a ticket is not allowed, in both languages.

use model::Text;

use super::action::MOST_ATTACHMENTS;
use super::ticket::TicketState;

/// Why an action is not allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The ticket's state does not allow it.
    #[error("a ticket that is {} cannot be {action}", state.name())]
    State {
        /// The state.
        state: TicketState,
        /// What was wanted.
        action: &'static str,
    },
    /// The telemetry does not show that it works again.
    #[error("the alarm's condition is {condition}: say it with a reason, which is kept")]
    NotClear {
        /// `active` or `unknown`.
        condition: &'static str,
    },
    /// There is no running resolve clock to pause.
    #[error(
        "only a resolve clock that runs waits for parts, and never planned work's: this ticket ({standard}) has none"
    )]
    NothingToPause {
        /// The row.
        standard: String,
    },
    /// The standard does not raise from that row to that one.
    #[error(
        "a ticket of {from} is not raised to {to}: lighting to lighting-complex, or anything but planned work to urgent-repair"
    )]
    NotRaised {
        /// The ticket's row.
        from: String,
        /// The wanted one.
        to: String,
    },
    /// Planned work is done only with its evidence.
    #[error("planned work is closed with its evidence: {}", missing.en)]
    NoEvidence {
        /// What is missing.
        missing: Text,
    },
    /// Planned work has no such item on its checklist.
    #[error("the ticket's checklist has no item {item}")]
    NoItem {
        /// The wanted item, from 1.
        item: usize,
    },
    /// Its fault has another ticket by now.
    #[error("its fault has a newer ticket, {newer}: take that one up, a fault has one ticket at a time")]
    Superseded {
        /// The fault's newest ticket.
        newer: String,
    },
    /// The ticket has all the files that it can have.
    #[error("a ticket holds at most {MOST_ATTACHMENTS} files")]
    TooManyFiles,
}

impl Refusal {
    /// The same in both languages.
    pub fn text(&self) -> Text {
        let zh = match self {
            Self::State { state, action } => {
                format!(
                    "工单{}，不能{}",
                    state_in_chinese(*state),
                    action_in_chinese(action)
                )
            }
            Self::NotClear { condition } => {
                let condition = if *condition == "active" {
                    "仍在报警"
                } else {
                    "未知"
                };
                format!("报警条件{condition}：确已修复时请填写理由，理由会保留")
            }
            Self::NothingToPause { standard } => {
                format!("只有正在计时的修复时限可以等待配件，计划工作不可以：此工单（{standard}）没有")
            }
            Self::NotRaised { from, to } => {
                format!(
                    "{from} 的工单不能升级为 {to}：照明可升级为 lighting-complex，计划工作以外均可升级为 urgent-repair"
                )
            }
            Self::NoEvidence { missing } => format!("计划工作须附凭证才能关闭：{}", missing.zh),
            Self::NoItem { item } => format!("检查表没有第 {item} 项"),
            Self::Superseded { newer } => {
                format!("该故障已有新工单 {newer}：请处理新工单，一个故障同时只有一张工单")
            }
            Self::TooManyFiles => format!("一张工单最多 {MOST_ATTACHMENTS} 个附件"),
        };
        Text::new(zh, self.to_string())
    }
}

fn state_in_chinese(state: TicketState) -> &'static str {
    match state {
        TicketState::Open => "待接单",
        TicketState::Accepted => "已接单",
        TicketState::OnSite => "已到场",
        TicketState::Waiting => "等待配件",
        TicketState::Resolved => "已修复",
        TicketState::Closed => "已关闭",
        TicketState::Cancelled => "已取消",
    }
}

fn action_in_chinese(action: &str) -> &'static str {
    match action {
        "accepted" => "接单",
        "arrived at" => "到场",
        "resolved" => "报修复",
        "closed" => "关闭",
        "put to wait for parts" => "转为等待配件",
        "resumed" => "继续",
        "reopened" => "重新打开",
        "cancelled" => "取消",
        "assigned" => "指派",
        "raised" => "升级",
        "checked" => "勾选检查项",
        _ => "这样操作",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_refused_is_told_why_in_both_languages() {
        let refusal = Refusal::State {
            state: TicketState::Closed,
            action: "resolved",
        };
        let text = refusal.text();
        assert_eq!(text.en, "a ticket that is closed cannot be resolved");
        assert_eq!(text.zh, "工单已关闭，不能报修复");
    }
}
