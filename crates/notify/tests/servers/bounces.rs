//! Reports of delivery as servers of the field wrote them (K12).

use voicemill_notify::email::{Bounce, Fate};

/// Each report as it came, and the Message-ID of the mail of ours that it is about.
const REPORTS: [(&str, &[u8], &str); 4] = [
    ("Exchange", include_bytes!("bounces/exchange.eml"), "01a22bbf-7e4a-7176-8e84-2a345c2f0b82@dsn.example"),
    ("qmail", include_bytes!("bounces/qmail.eml"), "01a22bbf-81ad-70dd-8ecf-a5c72441888d@dsn.example"),
    ("global", include_bytes!("bounces/global.eml"), "01a22bbf-8978-7489-99e2-e16498e259ea@dsn.example"),
    ("SES", include_bytes!("bounces/ses.eml"), "01a22bbf-920c-708f-8c44-50a84fdbef53@dsn.example"),
];

#[test]
fn k12_the_fields_reports_name_our_mail_and_that_it_failed() {
    for (name, report, ours) in REPORTS {
        let bounce = Bounce::read(report).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(bounce.mails.iter().any(|id| id == ours), "{name}: {:?}", bounce.mails);
        assert_eq!(bounce.outcome_for("dana@acme.example").unwrap().fate, Fate::Failed, "{name}");
    }
}
