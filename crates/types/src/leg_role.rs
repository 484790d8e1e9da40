//! Who speaks in a call.

/// Whose voice a leg carries; decides the side in stereo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(type_name = "text", rename_all = "snake_case"))]
#[serde(rename_all = "snake_case")]
pub enum LegRole {
    /// The calling party: left.
    Caller,
    /// The called party: right.
    Callee,
}

impl LegRole {
    /// What it is called before what is said.
    pub fn title(self) -> &'static str {
        match self {
            Self::Caller => "Caller",
            Self::Callee => "Callee",
        }
    }

    /// Its channel in stereo, counted from zero.
    pub fn channel(self) -> u16 {
        match self {
            Self::Caller => 0,
            Self::Callee => 1,
        }
    }
}
