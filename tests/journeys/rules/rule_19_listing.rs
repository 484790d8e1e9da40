//! Rule 19: messages are listed newest or oldest first, and no page skips or repeats one, whatever comes and goes meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, stream};
use jiff::SignedDuration;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use voicemill_sql::Kind;

use super::{Started, move_to};
use crate::harness::{TestApp, ok};

on_both![
    rule_19_pages_miss_none_and_repeat_none_while_messages_come_and_go,
    rule_19_a_list_is_narrowed_and_a_cursor_leads_on_in_its_own_list_only,
];

const BOX: &str = "/v1/mailboxes/101/messages";

/// A sound of its own for each, and small.
fn sound(number: usize) -> Vec<u8> {
    format!("RIFF\x24\0\0\0WAVE {number}").into_bytes()
}

async fn leave(test: &TestApp, number: usize) -> Value {
    let path = format!("/core/v1/mailboxes/101/messages/m{number}");
    let moment = test.clock.now() - SignedDuration::from_secs(i64::try_from(number % 97).unwrap());
    let received = moment.to_string();
    let query = [("caller_number", "4155550132"), ("received_at", &received)];
    let answer = test.core(Method::PUT, &path).query(&query).body(sound(number)).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::CREATED);
    answer.json().await.unwrap()
}

async fn rule_19_pages_miss_none_and_repeat_none_while_messages_come_and_go(kind: Kind) {
    const STANDING: usize = 1_200;
    let Started { test, _server } = Started::at(kind, "2026-11-30T12:00:00Z", false).await;
    test.mailbox("101", json!({"transcribe": false, "quota_bytes": 1_000_000})).await;
    let made: Vec<Value> =
        stream::iter((0..STANDING + 50).map(|number| leave(&test, number))).buffer_unordered(8).collect().await;
    let (going, standing) = made.split_at(50);
    let standing: BTreeMap<&str, &Value> =
        standing.iter().map(|message| (message["id"].as_str().unwrap(), message)).collect();
    for order in ["newest", "oldest"] {
        let mut seen: Vec<Value> = Vec::new();
        let mut path = format!("{BOX}?order={order}&limit=50");
        let (mut pages, mut number) = (0, 10_000 + seen.len());
        loop {
            let page = ok(test.portal(Method::GET, &path)).await;
            seen.extend(page["items"].as_array().unwrap().iter().cloned());
            // Between the pages some come, and some go, the one that the cursor stands at among them.
            for _ in 0..2 {
                number += 1;
                let more = if order == "newest" { number } else { number + 10_000 };
                let came = leave(&test, more).await;
                if number % 2 == 0 {
                    let gone =
                        test.portal(Method::DELETE, &format!("/v1/messages/{}?now=true", came["id"].as_str().unwrap()));
                    assert_eq!(gone.send().await.unwrap().status(), StatusCode::NO_CONTENT);
                }
            }
            // It may have gone already, as the last of a page.
            if let Some(gone) = going.get(if order == "newest" { pages } else { pages + 25 }) {
                let path = format!("/v1/messages/{}?now=true", gone["id"].as_str().unwrap());
                test.portal(Method::DELETE, &path).send().await.unwrap();
            }
            let last = page["items"].as_array().unwrap().last().unwrap();
            if !standing.contains_key(last["id"].as_str().unwrap()) {
                let path = format!("/v1/messages/{}?now=true", last["id"].as_str().unwrap());
                test.portal(Method::DELETE, &path).send().await.unwrap();
            }
            pages += 1;
            assert!(pages < 40, "it never ends");
            match page["next_cursor"].as_str() {
                Some(cursor) => path = format!("{BOX}?order={order}&limit=50&cursor={cursor}"),
                None => break,
            }
        }
        let ids: BTreeSet<&str> = seen.iter().map(|message| message["id"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), seen.len(), "{order}: none twice");
        let missed = standing.keys().filter(|id| !ids.contains(*id)).count();
        assert_eq!(missed, 0, "{order}: none missed that stood throughout");
        let key = |message: &Value| message["received_at"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
        let in_order = seen.windows(2).all(|pair| match order {
            "newest" => key(&pair[0]) >= key(&pair[1]),
            _ => key(&pair[0]) <= key(&pair[1]),
        });
        assert!(in_order, "{order}");
    }
}

async fn rule_19_a_list_is_narrowed_and_a_cursor_leads_on_in_its_own_list_only(kind: Kind) {
    let Started { test, _server } = Started::at(kind, "2026-11-30T12:00:00Z", false).await;
    for extension in ["101", "102", "sales"] {
        test.mailbox(extension, json!({"transcribe": false})).await;
    }
    ok(test.portal(Method::PUT, "/v1/mailboxes/sales/members").json(&json!({"members": ["101"]}))).await;
    let mut messages = Vec::new();
    for number in 0..4 {
        messages.push(leave(&test, number).await);
    }
    let group = test.leave("sales", "g", "bad/empty.wav").await;
    move_to(&test, &messages[0], "saved").await;
    move_to(&test, &messages[1], "trash").await;
    ok(test.portal(Method::PATCH, &super::path(&messages[2])).json(&json!({"read": true}))).await;
    let listed = async |query: &str| {
        let page = ok(test.portal(Method::GET, &format!("{BOX}{query}"))).await;
        let items = page["items"].as_array().unwrap().clone();
        items.into_iter().map(|message| message["id"].clone()).collect::<Vec<_>>()
    };
    let ids: Vec<&Value> = messages.iter().map(|message| &message["id"]).collect();
    for (query, wanted) in [
        ("", vec![ids[0], ids[2], ids[3]]),
        ("?order=oldest", vec![ids[3], ids[2], ids[0]]),
        ("?folder=new", vec![ids[2], ids[3]]),
        ("?folder=saved", vec![ids[0]]),
        ("?folder=trash", vec![ids[1]]),
        ("?read=true", vec![ids[2]]),
        ("?read=false", vec![ids[0], ids[3]]),
        ("?caller=4155550132&from=2026-11-30T11:59:58Z&to=2026-11-30T12:00:00Z", vec![ids[2]]),
        ("?caller=999", vec![]),
        ("?groups=true&limit=2", vec![&group["id"], ids[0]]),
    ] {
        assert_eq!(listed(query).await.iter().collect::<Vec<_>>(), wanted, "{query}");
    }
    let page = ok(test.core(Method::GET, &format!("{BOX}?limit=2"))).await;
    let cursor = page["next_cursor"].as_str().unwrap();
    assert_eq!(listed(&format!("?limit=2&cursor={cursor}")).await, [ids[3].clone()]);
    for other in [
        format!("{BOX}?order=oldest&cursor={cursor}"),
        format!("/v1/mailboxes/102/messages?cursor={cursor}"),
        format!("{BOX}?cursor=x{cursor}"),
    ] {
        let refused = test.portal(Method::GET, &other).send().await.unwrap();
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY, "{other}");
        let problem: Value = refused.json().await.unwrap();
        assert_eq!(
            (&problem["errors"][0]["pointer"], &problem["errors"][0]["code"]),
            (&json!("/cursor"), &json!("bad_list_cursor"))
        );
    }
}
