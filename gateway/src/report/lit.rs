//! When a lamp should be lit, and what of its evidence counts then (the service standard, "Availability").

use jiff::Timestamp;
use model::Site;

use super::period::Period;
use super::stretches::Stretches;
use crate::alarms::{ConditionSpan, SpanKind};
use crate::desk::{COMMANDED_OFF, LIGHTING};

/// The time in which a device's working counts, and the evidence of what it did meanwhile.
pub(super) struct Counted<'spans> {
    pub(super) time: Stretches,
    pub(super) spans: Vec<&'spans ConditionSpan>,
}

/// The time of a period in which lamps should be lit by the site's schedule; none where it has none.
pub(super) fn scheduled(site: &Site, period: Period) -> Option<Stretches> {
    let schedule = site.standard.lighting.as_ref()?;
    let days = period.days();
    // The night that began on the day before reaches into the first.
    let before = days.first().and_then(|day| day.yesterday().ok());
    let nights = before.into_iter().chain(days);
    let nights = nights.filter_map(|day| schedule.lit_from(day, &site.timezone));
    let (from, to) = period.bounds(&site.timezone);
    Some(Stretches::of(nights).intersect(&Stretches::one(from, to)))
}

/// What counts of a device over `whole`: all of it, but of a lamp only the time in which it should be lit. By a schedule a lamp that
/// is commanded off then is down; without one it should be lit while it is commanded on.
pub(super) fn counted<'spans>(
    class: &str,
    spans: &[&'spans ConditionSpan],
    schedule: Option<&Stretches>,
    whole: &Stretches,
) -> Counted<'spans> {
    if class != LIGHTING {
        return Counted {
            time: whole.clone(),
            spans: spans.to_vec(),
        };
    }
    if let Some(schedule) = schedule {
        return Counted {
            time: schedule.intersect(whole),
            spans: spans.to_vec(),
        };
    }
    let of_kind = |kind| {
        let commands = spans
            .iter()
            .filter(move |span| is_command(span) && span.kind == kind);
        Stretches::of(commands.map(|span| (span.since, span.until.unwrap_or(Timestamp::MAX))))
    };
    let off = of_kind(SpanKind::Active).minus(&of_kind(SpanKind::Unknown));
    let others = spans
        .iter()
        .filter(|span| !is_command(span) || span.kind == SpanKind::Unknown);
    Counted {
        time: whole.minus(&off),
        spans: others.copied().collect(),
    }
}

fn is_command(span: &ConditionSpan) -> bool {
    span.about.rule == COMMANDED_OFF
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alarms::ConditionOf;
    use crate::report::availability::{Durations, Outages};
    use jiff::SignedDuration;

    /// 2026-11-25 00:00 in Shanghai and so many hours.
    fn at(hours: i64) -> Timestamp {
        let midnight: Timestamp = "2026-11-25T00:00:00+08:00".parse().unwrap();
        midnight + SignedDuration::from_hours(hours)
    }

    fn span(rule: &str, kind: SpanKind, since: i64, until: i64) -> ConditionSpan {
        ConditionSpan {
            alarm: format!("lamp-1.{rule}"),
            about: ConditionOf {
                device: "lamp-1".into(),
                class: LIGHTING.into(),
                rule: rule.into(),
                standard: "lighting".into(),
            },
            kind,
            since: at(since),
            until: Some(at(until)),
        }
    }

    fn hours(spans: &[ConditionSpan], schedule: Option<&Stretches>) -> [i64; 3] {
        let whole = Stretches::one(at(0), at(24));
        let spans: Vec<_> = spans.iter().collect();
        let counted = counted(LIGHTING, &spans, schedule, &whole);
        let outages = Outages::of_device(&counted.spans, &whole, &counted.time, true);
        let Durations {
            available,
            unavailable,
            unknown,
        } = outages.durations(&counted.time);
        [available, unavailable, unknown].map(|part| part.as_hours())
    }

    fn night() -> Stretches {
        let mut site = crate::test_site::one_fire_main();
        let clock = |hour| model::LightingMoment::Clock(jiff::civil::time(hour, 0, 0, 0));
        site.standard.lighting = Some(model::LightingSchedule {
            from: clock(18),
            to: clock(6),
        });
        scheduled(&site, "2026-11-25".parse().unwrap()).unwrap()
    }

    #[test]
    fn a_days_schedule_is_the_end_of_one_night_and_the_begin_of_the_next() {
        let stretches: Vec<_> = night().iter().collect();
        assert_eq!(stretches, [(at(0), at(6)), (at(18), at(24))]);
    }

    #[test]
    fn a_dark_lamp_counts_only_while_it_should_be_lit() {
        let dark = [span("lighting-lamps-out", SpanKind::Active, 4, 20)];
        assert_eq!(hours(&dark, Some(&night())), [8, 4, 0]);
        assert_eq!(hours(&dark, None), [8, 16, 0]);
    }

    #[test]
    fn by_a_schedule_a_lamp_that_is_commanded_off_is_down_and_without_one_it_need_not_be_lit() {
        let off = [span(COMMANDED_OFF, SpanKind::Active, 5, 19)];
        assert_eq!(hours(&off, Some(&night())), [10, 2, 0]);
        assert_eq!(hours(&off, None), [10, 0, 0]);
    }

    #[test]
    fn a_command_that_nobody_knows_is_unknown_and_not_fine() {
        let unknown = [span(COMMANDED_OFF, SpanKind::Unknown, 4, 20)];
        assert_eq!(hours(&unknown, Some(&night())), [8, 0, 4]);
        assert_eq!(hours(&unknown, None), [8, 0, 16]);
    }
}
