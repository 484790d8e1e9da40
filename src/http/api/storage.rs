//! How store and spool stand, for operators.

use std::sync::Arc;

use axum::extract::State;

use crate::{
    app::App,
    http::{auth::Operator, error::Problem, extract::Json, wire},
    media::sweep,
};

/// `GET /v1/storage`: what waits in the spool and since when, and what comparing store and database found.
pub(super) async fn report(State(app): State<Arc<App>>, Operator: Operator) -> Result<Json<wire::Storage>, Problem> {
    Ok(Json(sweep::report(&app).await?.into()))
}
