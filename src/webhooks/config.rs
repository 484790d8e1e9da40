//! `[webhooks]`: where events may be sent.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// `[webhooks]`: where events may be sent.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebhooksConfig {
    /// Networks of the operator's own that endpoints may be in, in CIDR notation; all others have to be public.
    #[serde(deserialize_with = "crate::config::networks")]
    pub allowed_networks: Vec<IpNet>,
}
