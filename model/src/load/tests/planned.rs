//! Planned work: what the bundled standard asks for, and what a site's file makes of it.

use super::*;
use crate::{Every, PlannedWork};

fn with(planned: &str) -> Loading {
    let mut folder = small_site();
    folder.set_text("planned.toml", planned);
    load(&folder, [])
}

fn work(planned: &str) -> PlannedWork {
    let loading = with(planned);
    assert_eq!(told(&loading), Vec::<String>::new());
    loading.site.standard.planned[0].clone()
}

#[test]
fn the_bundled_plan_asks_for_what_the_published_standards_do() {
    let asked = [
        (
            "water-tanks",
            Every::HalfYear,
            3,
            "二次供水每年安排两次清洗水池,并索取相应的检测报告",
        ),
        ("drains", Every::Month, 5, "排水(污)每月排查一次…"),
        ("septic-tank", Every::Year, 0, "每年一次化粪池清掏"),
        ("fire-patrol", Every::Month, 4, "消防设备每月巡查不少于1次"),
        ("fire-test", Every::Year, 0, "对消防设施每年至少一次全面检测"),
        (
            "grounds-patrol",
            Every::Day,
            3,
            "每天巡查小区,及时发现并处理小区内的问题",
        ),
        (
            "client-report",
            Every::Quarter,
            0,
            "每季度向委托方报告一次计划实施情况",
        ),
        (
            "satisfaction-survey",
            Every::HalfYear,
            1,
            "满意度调查…每年二次…沟通面不低于小区住户的45%",
        ),
    ];
    for (id, every, items, quote) in asked {
        let work = work(&format!("[planned.{id}]\nfirst_due = \"2026-12-01\"\n"));
        assert_eq!(
            (
                work.id.as_str(),
                work.every,
                work.checklist.len(),
                work.quote.as_str()
            ),
            (id, every, items, quote)
        );
        assert!(!work.evidence.zh.is_empty() && !work.evidence.en.is_empty());
    }
}

#[test]
fn a_site_says_what_differs_and_may_plan_work_of_its_own() {
    let own = work(
        "[planned.tanks-east]\nlike = \"water-tanks\"\nfirst_due = \"2026-12-01\"\nevery = \"quarterly\"\nlead = \"5d\"\n",
    );
    assert_eq!(
        (own.every, own.lead_days, own.checklist.len()),
        (Every::Quarter, 5, 3)
    );
    let own = work(
        "[planned.gates]\nwhat = { zh = \"道闸保养\", en = \"Service the gates\" }\nevery = \"weekly\"\nfirst_due = \"2026-12-01\"\n\
         evidence = { zh = \"照片\", en = \"A photo\" }\nchecklist = [{ zh = \"上油\", en = \"Oiled\" }]\n",
    );
    assert_eq!((own.every, own.lead_days), (Every::Week, 2));
    assert_eq!(own.checklist[0].en, "Oiled");
}

#[test]
fn every_mistake_in_a_plan_is_told_where_it_stands() {
    let loading = with(
        "[planned.water-tanks]\nfirst_due = \"2026-13-01\"\nlead = \"200d\"\ndevice = \"nothing\"\n\
         [planned.gates]\nevery = \"often\"\nchecklist = [\"oil\"]\n",
    );
    assert_eq!(
        told(&loading),
        [
            "planned.toml:2:13: `planned.water-tanks.first_due`: `2026-13-01` is no date: write `2026-12-01`",
            "planned.toml:3:8: `planned.water-tanks.lead`: `200d` is no lead: write whole days from `0d` to `180d`, less than the time between two runs",
            "planned.toml:4:10: `planned.water-tanks.device`: there is no device `nothing`",
            "planned.toml:5:1: `planned.gates.evidence` is missing: write `{ zh = \"…\", en = \"…\" }`: what must be attached to close it",
            "planned.toml:5:1: `planned.gates.first_due` is missing: write the first day that it is due, such as `2026-12-01`",
            "planned.toml:5:1: `planned.gates.what` is missing: write `{ zh = \"…\", en = \"…\" }`: what is to be done",
            "planned.toml:6:9: `planned.gates.every`: unknown how often `often`; known here: daily, monthly, quarterly, twice_a_year, weekly, yearly",
            "planned.toml:7:14: `planned.gates.checklist`: an item is in both languages: `{ zh = \"…\", en = \"…\" }`",
        ]
    );
}
