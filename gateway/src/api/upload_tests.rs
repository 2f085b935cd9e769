//! Files over HTTP: sent as they are or as a form, kept with their hash, and given back as they were.

use reqwest::StatusCode;
use serde_json::json;

use super::testing::Gateway;
use crate::attachments::LARGEST_BYTES;
use crate::journal::Hash;

const RAW: &str = "application/octet-stream";
const FORM: &str = "multipart/form-data; boundary=border";

/// A form as `curl -F` sends it: fields, and a file unless it has no name.
fn form(fields: &[(&str, &str)], name: Option<&str>, file: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    for (field, value) in fields {
        let part = format!("--border\r\nContent-Disposition: form-data; name=\"{field}\"\r\n\r\n{value}\r\n");
        body.extend(part.bytes());
    }
    if let Some(name) = name {
        let part = format!(
            "--border\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: {RAW}\r\n\r\n"
        );
        body.extend(part.bytes());
        body.extend(file);
        body.extend(b"\r\n");
    }
    body.extend(b"--border--\r\n");
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attached_file_comes_back_with_its_hash_and_what_is_no_file_is_refused() {
    let gateway = Gateway::start().await;
    let id = gateway.reports("elevator", None).await;
    let path = format!("/tickets/{id}/attachments");
    let file = b"%PDF-1.7 a test report".to_vec();
    let sha256 = Hash::of(&file).to_string();
    let (status, ticket) = gateway
        .send(&format!("{path}?name=report.pdf&by=Li"), RAW, file.clone())
        .await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(ticket["attachments"][0]["sha256"], sha256.as_str());
    let url = format!("{}{path}/{sha256}", gateway.url);
    let answer = gateway.client.get(&url).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/pdf");
    assert_eq!(answer.bytes().await.unwrap(), file);

    let mut refused = Vec::new();
    for (ticket, query, body) in [
        (id.as_str(), "?name=x&by=Li", vec![0; LARGEST_BYTES + 1]),
        (id.as_str(), "?name=x&by=Li", vec![0; 4 * LARGEST_BYTES]),
        (id.as_str(), "?name=x&by=Li", Vec::new()),
        (id.as_str(), "?by=Li", file.clone()),
        (id.as_str(), "?name=x", file.clone()),
        ("T-2026-000099", "?name=x&by=Li", file.clone()),
    ] {
        let path = format!("/tickets/{ticket}/attachments{query}");
        let (status, problem) = gateway.send(&path, RAW, body).await;
        assert_eq!(problem["status"], status.as_u16(), "{problem}");
        refused.push(status.as_u16());
    }
    assert_eq!(refused, [413, 413, 422, 422, 422, 404]);
    gateway.stops().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_sends_a_file_as_a_browser_does_and_a_broken_one_is_refused() {
    let gateway = Gateway::start().await;
    let id = gateway.reports("elevator", None).await;
    let path = format!("/tickets/{id}/attachments");
    let file = b"\x00photo\r\n--bord".to_vec();
    let (status, ticket) = gateway
        .send(
            &path,
            FORM,
            form(&[("by", "李"), ("note", "现场")], Some("泵房.jpg"), &file),
        )
        .await;
    assert_eq!(status, StatusCode::OK, "{ticket}");
    let attached = &ticket["attachments"][0];
    assert_eq!(
        (&attached["name"], &attached["by"], &attached["bytes"]),
        (&json!("泵房.jpg"), &json!("李"), &json!(file.len()))
    );
    assert_eq!(attached["sha256"], Hash::of(&file).to_string());

    let most = vec![7; LARGEST_BYTES];
    let (status, _) = gateway
        .send(&path, FORM, form(&[("by", "Li")], Some("x"), &most))
        .await;
    assert_eq!(status, StatusCode::OK, "a form may hold as large a file");
    let mut refused = Vec::new();
    for body in [
        form(&[("by", "Li")], Some("x"), &vec![0; LARGEST_BYTES + 1]),
        form(&[("by", "Li")], Some("x"), &vec![0; 4 * LARGEST_BYTES]),
        form(&[("by", "Li")], None, &[]),
        form(&[], Some("x"), &file),
        form(&[("by", &"x".repeat(5_000))], Some("x"), &file),
        file.clone(),
    ] {
        let (status, problem) = gateway.send(&path, FORM, body).await;
        assert!(problem["text"]["zh"].is_string(), "{problem}");
        refused.push(status.as_u16());
    }
    assert_eq!(refused, [413, 413, 422, 422, 422, 400]);
    gateway.stops().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_devices_documents_are_in_its_record_and_in_the_journal() {
    let gateway = Gateway::start().await;
    let path = "/devices/fire-main-1/documents";
    let manual = b"%PDF-1.7 the manual".to_vec();
    let sha256 = Hash::of(&manual).to_string();
    let (status, record) = gateway
        .send(path, FORM, form(&[("by", "Li")], Some("说明书.pdf"), &manual))
        .await;
    assert_eq!(status, StatusCode::CREATED, "{record}");
    assert_eq!(
        (&record["documents"][0]["name"], &record["documents"][0]["sha256"]),
        (&json!("说明书.pdf"), &json!(sha256))
    );
    let url = format!("{}{path}/{sha256}", gateway.url);
    let answer = gateway.client.get(&url).send().await.unwrap();
    assert_eq!(answer.bytes().await.unwrap(), manual);
    let (status, _) = gateway
        .send("/devices/nobody/documents?name=x&by=Li", RAW, manual.clone())
        .await;
    assert_eq!(status, StatusCode::NOT_FOUND);

    let data = gateway.stops().await;
    let reader = crate::store::RecordsReader::open(data.path()).unwrap();
    let verified = reader.verify_journal(None).unwrap();
    assert_eq!((verified.head.records, verified.files.len()), (1, 1));
    assert_eq!(
        (verified.files[0].of.as_str(), verified.files[0].sha256.as_str()),
        ("fire-main-1", sha256.as_str())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plan_shows_when_each_work_is_due_next_and_which_ticket_it_has() {
    let mut folder = model::Folder::demo();
    folder.set_text(
        "devices.csv",
        "id,name,profile,connection,unit,building,location,interval,in_service\n",
    );
    folder.set_text(
        "planned.toml",
        "[planned.grounds-patrol]\nfirst_due = \"2026-01-01\"\n[planned.fire-test]\nfirst_due = \"2126-01-01\"\n",
    );
    let loading = model::load(&folder, []);
    assert_eq!(loading.faults, []);
    let gateway = Gateway::of(loading.site).await;
    // The day's patrol has its ticket once the desk has looked for the first time.
    let plan = loop {
        let plan = gateway.get("/planned").await;
        if plan["items"][1]["ticket"].is_string() {
            break plan;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    let (test, patrol) = (&plan["items"][0], &plan["items"][1]);
    assert_eq!(
        (&test["id"], &test["next_due"], &test["opens_on"], &test["ticket"]),
        (
            &json!("fire-test"),
            &json!("2126-01-01"),
            &json!("2125-12-02"),
            &json!(null)
        )
    );
    assert_eq!(
        (&patrol["every"], &patrol["ticket"]),
        (&json!("daily"), &tickets_id(&gateway).await)
    );
    gateway.stops().await;
}

async fn tickets_id(gateway: &Gateway) -> serde_json::Value {
    gateway.get("/tickets").await["items"][0]["id"].clone()
}
