//! The files that pages refer to, compiled in.

/// One file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asset {
    /// Where pages expect it.
    pub path: &'static str,
    /// Its Content-Type.
    pub content_type: &'static str,
    /// All of it.
    pub body: &'static str,
}

/// Every file; a page refers to no other.
pub(super) const ALL: &[Asset] = &[
    Asset { path: "/static/icon.svg", content_type: "image/svg+xml", body: include_str!("assets/icon.svg") },
    Asset {
        path: "/static/listen.css",
        content_type: "text/css; charset=utf-8",
        body: include_str!("assets/listen.css"),
    },
    Asset {
        path: "/static/listen.js",
        content_type: "text/javascript; charset=utf-8",
        body: include_str!("assets/listen.js"),
    },
];
