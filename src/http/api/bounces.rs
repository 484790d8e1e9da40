//! Reports of delivery that came back by mail, for the operators' mail server to hand in.

use std::sync::Arc;

use axum::extract::State;

use crate::{
    app::App,
    http::{
        auth::Operator,
        error::Problem,
        extract::{Collected, Json},
        wire,
    },
    notices,
};

/// Most bytes of a report, which may hold the whole mail that came back.
pub(super) const LARGEST: usize = 40_000_000;

/// `POST /v1/bounces`: the body is the mail that came back. `voicemill bounce` does the same on the machine itself.
pub(super) async fn report(
    State(app): State<Arc<App>>,
    Operator: Operator,
    Collected(mail): Collected,
) -> Result<Json<wire::Notice>, Problem> {
    Ok(Json(notices::bounced(&app, &mail).await?.into()))
}
