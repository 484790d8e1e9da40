use super::*;

const OURS: &str = "0192f0c1@acme.example.com";

fn report(action: &str, given_back: &str) -> String {
    report_of(
        &format!(
            "Final-Recipient: rfc822; sales@acme.example.com\r\nAction: {action}\r\nStatus: 5.1.1\r\n\
             Diagnostic-Code: smtp; 550 5.1.1\r\n    <sales@acme.example.com>: no such user\r\n"
        ),
        "message/delivery-status",
        &format!(
            "--b\r\nContent-Type: {given_back}\r\n\r\n\
             From: voicemail@acme.example.com\r\nMessage-ID: <{OURS}>\r\nSubject: Voicemail\r\n\r\n"
        ),
        "",
    )
}

fn report_of(recipients: &str, kind: &str, given_back: &str, head: &str) -> String {
    format!(
        "From: MAILER-DAEMON@mx.example.net\r\nTo: voicemail@acme.example.com\r\nSubject: Undelivered Mail\r\n{head}\
         MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=\"b\"\r\n\r\n\
         --b\r\nContent-Type: text/plain\r\n\r\nI'm sorry to have to inform you…\r\n\
         --b\r\nContent-Type: {kind}\r\n\r\n\
         Reporting-MTA: dns; mx.example.net\r\nArrival-Date: Sun, 22 Nov 2026 17:05:09 +0000\r\n\r\n\
         {recipients}\r\n{given_back}--b--\r\n"
    )
}

fn block(recipient: &str, action: &str) -> String {
    format!("Final-Recipient: rfc822; {recipient}\r\nAction: {action}\r\nStatus: 5.1.1\r\n\r\n")
}

fn fate_of(mail: &str, recipient: &str) -> (String, Fate) {
    let bounce = Bounce::read(mail.as_bytes()).unwrap_or_else(|error| panic!("{error}: {mail}"));
    (bounce.mails[0].clone(), bounce.outcome_for(recipient).unwrap().fate)
}

#[test]
fn a_report_says_which_mail_and_what_became_of_it() {
    for given_back in ["message/rfc822", "text/rfc822-headers", "message/global-headers", "Message/RFC822; x=y"] {
        for (action, fate) in [("failed", Fate::Failed), ("delayed", Fate::Delayed), ("Delivered", Fate::Delivered)] {
            for mail in [report(action, given_back), report(action, given_back).replace("\r\n", "\n")] {
                let bounce = Bounce::read(mail.as_bytes()).unwrap();
                assert_eq!(bounce.mails, [OURS]);
                let outcome = bounce.outcome_for("sales@acme.example.com").unwrap();
                assert_eq!(outcome.fate, fate);
                assert_eq!(outcome.answer, "5.1.1 550 5.1.1 <sales@acme.example.com>: no such user");
            }
        }
    }
}

#[test]
fn k12_a_comment_behind_the_action_is_none_of_it() {
    assert_eq!(fate_of(&report("Failed (bad destination mailbox)", "message/rfc822"), "x").1, Fate::Failed);
    assert_eq!(fate_of(&report("delivered (to (mailbox))", "message/rfc822"), "x").1, Fate::Delivered);
    let without = report("failed", "message/rfc822").replace("Action: failed\r\n", "");
    assert_eq!(fate_of(&without, "x").1, Fate::Failed, "its status is 5.1.1");
}

#[test]
fn k12_of_several_recipients_ours_counts() {
    let two = |first: &str, second: &str| {
        let recipients = block("other@acme.example.com", first) + &block("Sales@acme.example.com", second);
        report_of(&recipients, "message/delivery-status", "", &format!("In-Reply-To: <{OURS}>\r\n"))
    };
    assert_eq!(fate_of(&two("relayed", "failed"), "sales@acme.example.com").1, Fate::Failed);
    assert_eq!(fate_of(&two("failed", "relayed"), "sales@acme.example.com").1, Fate::Delivered);
    assert_eq!(fate_of(&two("relayed", "failed"), "list@acme.example.com").1, Fate::Failed, "ours is not named");
    let original = "Original-Recipient: rfc822; sales@acme.example.com\r\nFinal-Recipient: rfc822; s@elsewhere.example\r\n\
                    Action: delivered\r\n\r\n";
    let mail = report_of(
        &(block("other@acme.example.com", "failed") + original),
        "message/delivery-status",
        "",
        &format!("In-Reply-To: <{OURS}>\r\n"),
    );
    assert_eq!(fate_of(&mail, "sales@acme.example.com").1, Fate::Delivered, "forwarded by its server");
}

/// Exchange gives nothing back, Gmail only the original's name, SES another name beside it.
#[test]
fn k12_a_report_names_its_mail_in_many_ways() {
    let failed = block("sales@acme.example.com", "failed");
    let with = |head: &str, given_back: &str, more: &str| {
        report_of(&(failed.clone() + more), "message/delivery-status", given_back, head)
    };
    let ses = format!(
        "--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <0100018abc-000000@email.amazonses.example>\r\n\
         X-Original-Message-ID: <{OURS}>\r\n\r\n"
    );
    for mail in [
        with(&format!("In-Reply-To: <{OURS}>\r\n"), "", ""),
        with(&format!("References:\r\n <{OURS}>\r\n"), "", ""),
        with(&format!("X-Original-Message-ID: <{OURS}>\r\n"), "", ""),
        with("", "", &format!("X-Original-Message-ID: <{OURS}>\r\n\r\n")),
        with("", &ses, ""),
        with("", "", &format!("Original-Envelope-Id: {OURS}\r\n\r\n")),
    ] {
        assert_eq!(fate_of(&mail, "sales@acme.example.com"), (OURS.to_owned(), Fate::Failed));
    }
    let bounce = Bounce::read(with("", &ses, "").as_bytes()).unwrap();
    assert_eq!(bounce.mails[1], "0100018abc-000000@email.amazonses.example", "the relay's own name is known, too");
}

#[test]
fn k12_a_status_outside_ascii_is_one() {
    let recipients = "Final-Recipient: utf-8; d\\x{E4}na@acme.example\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n";
    let given_back = format!("--b\r\nContent-Type: message/global-headers\r\n\r\nMessage-ID: <{OURS}>\r\n\r\n");
    let mail = report_of(recipients, "message/global-delivery-status", &given_back, "");
    assert_eq!(fate_of(&mail, "dana@acme.example"), (OURS.to_owned(), Fate::Failed));
    let base64 = report_of("", "message/global-delivery-status\r\nContent-Transfer-Encoding: base64", &given_back, "");
    let (head, rest) = base64.split_once("Reporting-MTA").unwrap();
    let encoded =
        base64::Engine::encode(&base64::prelude::BASE64_STANDARD, format!("Reporting-MTA: dns; x\r\n\r\n{recipients}"));
    let mail = format!("{head}{encoded}\r\n{}", &rest[rest.find("--b").unwrap()..]);
    assert_eq!(fate_of(&mail, "dana@acme.example"), (OURS.to_owned(), Fate::Failed));
}

#[test]
fn k12_qmails_and_exims_words_are_read() {
    let qmail = format!(
        "From: MAILER-DAEMON@q.example\r\nSubject: failure notice\r\nMessage-ID: <q@q.example>\r\n\r\n\
         Hi. This is the qmail-send program at q.example.\r\nI'm afraid I wasn't able to deliver your message.\r\n\
         \r\n<other@acme.example.com>:\r\nUser is over quota.\r\n\
         \r\n<sales@acme.example.com>:\r\nSorry, no mailbox here by that name. (#5.1.1)\r\n\
         \r\n--- Below this line is a copy of the message.\r\n\r\n\
         Return-Path: <voicemail@acme.example.com>\r\nMessage-ID: <{OURS}>\r\n\r\nbody\r\n"
    );
    assert_eq!(fate_of(&qmail, "sales@acme.example.com"), (OURS.to_owned(), Fate::Failed));
    let bounce = Bounce::read(qmail.as_bytes()).unwrap();
    assert_eq!(
        bounce.outcome_for("sales@acme.example.com").unwrap().answer,
        "Sorry, no mailbox here by that name. (#5.1.1)"
    );
    let exim = format!(
        "From: Mail Delivery System <Mailer-Daemon@e.example>\nX-Failed-Recipients: sales@acme.example.com\n\
         Auto-Submitted: auto-replied\nSubject: Mail delivery failed: returning message to sender\n\n\
         This message was created automatically by mail delivery software.\n\nA message that you sent could not be \
         delivered to one or more of its\nrecipients. The following address(es) failed:\n\n  sales@acme.example.com\n    \
         host mx.acme.example [192.0.2.1]\n    SMTP error from remote mail server after RCPT TO:\n    550 5.1.1 unknown\n\n\
         ------ This is a copy of the message, including all the headers. ------\n\nReturn-path: <voicemail@acme.example.com>\n\
         Message-ID: <{OURS}>\n\nbody\n"
    );
    assert_eq!(fate_of(&exim, "sales@acme.example.com"), (OURS.to_owned(), Fate::Failed));
    assert!(Bounce::read(exim.as_bytes()).unwrap().outcomes[0].answer.ends_with("550 5.1.1 unknown"));
}

#[test]
fn other_mails_are_no_reports() {
    let robot =
        "From: a@b.example\r\nSubject: Out of office\r\nIn-Reply-To: <1@acme.example.com>\r\n\r\nI am away.\r\n";
    assert_eq!(Bounce::read(robot.as_bytes()), Err(NoBounce::OtherMail));
    assert_eq!(Bounce::read(b""), Err(NoBounce::OtherMail));
    let nothing_given_back = report("failed", "text/plain");
    assert_eq!(Bounce::read(nothing_given_back.as_bytes()), Err(NoBounce::Unnamed));
    assert_eq!(Bounce::read(report("sung", "message/rfc822").as_bytes()), Err(NoBounce::OtherMail));
}

/// Nested 20,000 deep, a mail ended the whole process. It is read on a stack that would not bear it.
#[test]
fn attack_4_mails_within_mails_are_read_on_a_small_stack() {
    let nested = "Content-Type: message/rfc822\r\n\r\n".repeat(20_000);
    let multiparts: String = (0..5_000)
        .map(|level| format!("Content-Type: multipart/mixed; boundary=\"{level}\"\r\n\r\n--{level}\r\n"))
        .collect();
    let inside = format!("--b\r\nContent-Type: message/rfc822\r\n\r\nMessage-ID: <{OURS}>\r\n{nested}\r\n");
    let real = report_of(&block("sales@acme.example.com", "failed"), "message/delivery-status", &inside, "");
    let reading = std::thread::Builder::new().stack_size(128 * 1024).spawn(move || {
        assert_eq!(Bounce::read(nested.as_bytes()), Err(NoBounce::OtherMail));
        assert_eq!(Bounce::read(multiparts.as_bytes()), Err(NoBounce::OtherMail));
        let bounce = Bounce::read(real.as_bytes()).unwrap();
        assert_eq!((bounce.mails[0].as_str(), bounce.outcomes[0].fate), (OURS, Fate::Failed));
    });
    reading.unwrap().join().unwrap();
}

proptest::proptest! {
    #[test]
    fn nothing_panics(mail in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..600), cut in 0usize..1200) {
        let _ = Bounce::read(&mail);
        let whole = report("failed", "message/rfc822");
        let _ = Bounce::read(&whole.as_bytes()[..cut.min(whole.len())]);
    }

    #[test]
    fn a_report_that_is_changed_anywhere_is_answered(
        changes in proptest::collection::vec((0usize..2_000, proptest::prelude::any::<u8>(), 0usize..40), 1..20)
    ) {
        let mut mail = report("failed", "message/rfc822").into_bytes();
        for (at, byte, repeated) in changes {
            let at = at % mail.len();
            mail[at] = byte;
            let piece = mail[at..(at + repeated).min(mail.len())].to_vec();
            mail.splice(at..at, piece);
        }
        if let Ok(bounce) = Bounce::read(&mail) {
            assert!(!bounce.mails.is_empty() && bounce.mails.len() <= MOST_NAMES.0);
            assert!(!bounce.outcomes.is_empty() && bounce.outcomes.len() <= MOST_RECIPIENTS);
            assert!(bounce.outcomes.iter().all(|outcome| outcome.answer.chars().count() <= LONGEST_ANSWER));
        }
    }
}
