//! What the audio module uses of the product's terms.

pub use self::phone_report::PhoneReport;

#[path = "../../src/model/phone_report.rs"]
mod phone_report;
