//! Who may do what: one table of every route that needs a key. What is not in it nobody may do.

use std::{collections::HashMap, sync::LazyLock};

use axum::http::Method;

use crate::keys::Role::{self, Compliance, Core, Manager, Media, Operator, Portal, User};

/// What a route is about, for those who may see a part of a domain alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// Nothing that is one mailbox's.
    Domain,
    /// A list of which everybody sees their part, or what is made for a mailbox that the body names: the handler checks.
    Parts,
    /// The mailbox `{extension}`.
    Mailbox,
    /// The message `{id}`.
    Message,
    /// The prompt `{id}`.
    Prompt,
    /// The rendition `{rendition}`.
    Rendition,
}

/// What one method of one route needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    /// In which parts somebody may ask.
    pub(super) roles: &'static [Role],
    /// What it is about.
    pub(super) about: Subject,
}

/// Only operators.
const PROVIDER: &[Role] = &[Operator];
/// Who manages a domain from outside of it and inside.
const OWNERS: &[Role] = &[Operator, Portal];
/// The same, and those who look after what it must show.
const AUDITORS: &[Role] = &[Operator, Portal, Compliance];
/// A portal, for itself.
const PORTAL: &[Role] = &[Portal];
/// A portal, and who manages a domain in it.
const STAFF: &[Role] = &[Portal, Manager];
/// The same, and operators.
const MANAGERS: &[Role] = &[Operator, Portal, Manager];
/// Those who look after what a domain must keep, and operators.
const KEEPERS: &[Role] = &[Operator, Compliance];
/// A portal, and people.
const PEOPLE: &[Role] = &[Portal, Manager, User];
/// The same, and cores, whose phones have a menu and lamps.
const LAMPS: &[Role] = &[Core, Portal, Manager, User];
/// Who plays.
const PLAYERS: &[Role] = &[Core, Media, Portal, Manager, User];
/// Cores.
const CORE: &[Role] = &[Core];

/// Every route that needs a key: methods, path, who may ask, and what it is about.
#[rustfmt::skip]
const TABLE: &[(&[Method], &str, &[Role], Subject)] = &[
    (&[Method::GET],                  "/media/{rendition}/{file}",                           PLAYERS,  Subject::Rendition),
    (&[Method::GET],                  "/media/{key}/{rendition}/{file}",                     &[Media], Subject::Rendition),

    (&[Method::PUT, Method::POST],    "/core/v1/mailboxes/{extension}/messages/{id}",        CORE,     Subject::Domain),
    (&[Method::POST],                 "/core/v1/mailboxes/{extension}/messages",             CORE,     Subject::Domain),
    (&[Method::PUT, Method::POST],    "/core/v1/mailboxes/{extension}/missed-calls/{id}",    CORE,     Subject::Domain),
    (&[Method::GET],                  "/core/v1/mailboxes/{extension}",                      CORE,     Subject::Domain),
    (&[Method::GET],                  "/core/v1/mailboxes/{extension}/{file}",               &[Core, Media], Subject::Domain),
    (&[Method::PUT, Method::POST],    "/core/v1/mailboxes/{extension}/greetings/{id}",       CORE,     Subject::Domain),
    (&[Method::PUT, Method::POST],    "/core/v1/mailboxes/{extension}/recorded-name",        CORE,     Subject::Domain),
    (&[Method::GET],                  "/core/v1/prompts/{file}",                             &[Core, Media], Subject::Domain),
    (&[Method::GET],                  "/core/v1/playlists/{file}",                           &[Core, Media], Subject::Domain),
    (&[Method::GET],                  "/core/v1/service-numbers/{number}",                   CORE,     Subject::Domain),
    (&[Method::GET],                  "/core/v1/service-numbers/{number}/{file}",            &[Core, Media], Subject::Domain),
    (&[Method::GET],                  "/core/v1/messages/{id}",                              CORE,     Subject::Domain),
    (&[Method::POST],                 "/core/v1/messages/{id}/announcement",                 CORE,     Subject::Domain),
    (&[Method::POST],                 "/core/v1/announcements",                              CORE,     Subject::Domain),
    (&[Method::GET, Method::PUT],     "/core/v1/recordings/{call}",                          CORE,     Subject::Domain),
    (&[Method::PUT, Method::POST],    "/core/v1/recordings/{call}/legs/{role}",              CORE,     Subject::Domain),
    (&[Method::POST],                 "/core/v1/recordings/{call}/complete",                 CORE,     Subject::Domain),

    (&[Method::POST],                 "/v1/bounces",                                         PROVIDER, Subject::Domain),
    (&[Method::GET],                  "/v1/storage",                                         PROVIDER, Subject::Domain),
    (&[Method::GET],                  "/v1/jobs",                                            PROVIDER, Subject::Domain),
    (&[Method::GET],                  "/v1/jobs/stats",                                      PROVIDER, Subject::Domain),
    (&[Method::POST],                 "/v1/jobs/retry",                                      PROVIDER, Subject::Domain),
    (&[Method::POST],                 "/v1/jobs/discard",                                    PROVIDER, Subject::Domain),
    (&[Method::POST],                 "/v1/jobs/pause",                                      PROVIDER, Subject::Domain),
    (&[Method::POST],                 "/v1/jobs/resume",                                     PROVIDER, Subject::Domain),
    (&[Method::GET, Method::DELETE],  "/v1/jobs/{id}",                                       PROVIDER, Subject::Domain),
    (&[Method::POST],                 "/v1/jobs/{id}/retry",                                 PROVIDER, Subject::Domain),
    (&[Method::POST],                 "/v1/jobs/{id}/cancel",                                PROVIDER, Subject::Domain),
    (&[Method::GET, Method::POST],    "/v1/keys",                                            PROVIDER, Subject::Domain),
    (&[Method::GET, Method::DELETE],  "/v1/keys/{id}",                                       PROVIDER, Subject::Domain),
    (&[Method::POST],                 "/v1/keys/{id}/rotate",                                PROVIDER, Subject::Domain),

    (&[Method::GET],                  "/v1/audit",                                           PROVIDER, Subject::Domain),

    (&[Method::POST],                 "/v1/domains",                                         PROVIDER, Subject::Domain),
    (&[Method::GET],                  "/v1/domains/{domain}",                                AUDITORS, Subject::Domain),
    (&[Method::PATCH],                "/v1/domains/{domain}",                                PROVIDER, Subject::Domain),
    (&[Method::GET],                  "/v1/domains/{domain}/audit",                          AUDITORS, Subject::Domain),
    (&[Method::GET],                  "/v1/domains/{domain}/retention",                      AUDITORS, Subject::Domain),
    (&[Method::PUT],                  "/v1/domains/{domain}/retention",                      PROVIDER, Subject::Domain),
    (&[Method::GET, Method::POST],    "/v1/domains/{domain}/holds",                          KEEPERS,  Subject::Domain),
    (&[Method::DELETE],               "/v1/domains/{domain}/holds/{id}",                     KEEPERS,  Subject::Domain),
    (&[Method::GET],                  "/v1/domains/{domain}/deletions",                      KEEPERS,  Subject::Domain),
    (&[Method::GET],                  "/v1/domains/{domain}/keys",                           AUDITORS, Subject::Domain),
    (&[Method::POST],                 "/v1/domains/{domain}/keys",                           PROVIDER, Subject::Domain),
    (&[Method::GET],                  "/v1/domains/{domain}/keys/{id}",                      AUDITORS, Subject::Domain),
    (&[Method::DELETE],               "/v1/domains/{domain}/keys/{id}",                      PROVIDER, Subject::Domain),
    (&[Method::POST],                 "/v1/domains/{domain}/keys/{id}/rotate",               PROVIDER, Subject::Domain),
    (&[Method::GET],                  "/v1/domains/{domain}/tokens",                         AUDITORS, Subject::Domain),
    (&[Method::POST, Method::DELETE], "/v1/domains/{domain}/tokens",                         OWNERS,   Subject::Domain),
    (&[Method::DELETE],               "/v1/domains/{domain}/tokens/{id}",                    OWNERS,   Subject::Domain),
    (&[Method::GET, Method::PUT, Method::DELETE],
                                      "/v1/domains/{domain}/mail-templates/{kind}",          OWNERS,   Subject::Domain),
    (&[Method::GET],                  "/v1/domains/{domain}/notices",                        MANAGERS, Subject::Domain),
    (&[Method::GET],                  "/v1/domains/{domain}/pronunciations",                 MANAGERS, Subject::Domain),
    (&[Method::GET, Method::PUT, Method::DELETE],
                                      "/v1/domains/{domain}/pronunciations/{word}",          MANAGERS, Subject::Domain),

    (&[Method::GET],                  "/v1/mailboxes",                                       PEOPLE,   Subject::Parts),
    (&[Method::GET],                  "/v1/mailboxes/{extension}",                           PEOPLE,   Subject::Mailbox),
    (&[Method::PUT, Method::PATCH],   "/v1/mailboxes/{extension}",                           STAFF,    Subject::Mailbox),
    (&[Method::GET, Method::PUT],     "/v1/mailboxes/{extension}/members",                   STAFF,    Subject::Mailbox),
    (&[Method::GET, Method::PATCH],   "/v1/mailboxes/{extension}/messages/{id}",             LAMPS,    Subject::Mailbox),
    (&[Method::GET, Method::PUT, Method::DELETE],
                                      "/v1/mailboxes/{extension}/recorded-name",             PEOPLE,   Subject::Mailbox),
    (&[Method::GET],                  "/v1/mailboxes/{extension}/counts",                    LAMPS,    Subject::Mailbox),
    (&[Method::GET],                  "/v1/mailboxes/{extension}/messages",                  LAMPS,    Subject::Mailbox),
    (&[Method::DELETE],               "/v1/mailboxes/{extension}/messages",                  PEOPLE,   Subject::Mailbox),
    (&[Method::GET],                  "/v1/messages/{id}",                                   PEOPLE,   Subject::Message),
    (&[Method::DELETE],               "/v1/messages/{id}",                                   PEOPLE,   Subject::Message),
    (&[Method::PATCH],                "/v1/messages/{id}",                                   LAMPS,    Subject::Message),
    (&[Method::POST],                 "/v1/messages/{id}/forwards",                          LAMPS,    Subject::Message),
    (&[Method::GET],                  "/v1/messages/{id}/transcript.vtt",                    PEOPLE,   Subject::Message),
    (&[Method::GET, Method::POST],    "/v1/prompts",                                         PEOPLE,   Subject::Parts),
    (&[Method::POST],                 "/v1/prompts/text",                                    PEOPLE,   Subject::Parts),
    (&[Method::GET, Method::PATCH, Method::DELETE],
                                      "/v1/prompts/{id}",                                    PEOPLE,   Subject::Prompt),
    (&[Method::POST],                 "/v1/prompts/{id}/activate",                           PEOPLE,   Subject::Prompt),
    (&[Method::POST],                 "/v1/prompts/{id}/deactivate",                         PEOPLE,   Subject::Prompt),
    (&[Method::GET, Method::PUT],     "/v1/prompts/{id}/audio",                              PEOPLE,   Subject::Prompt),
    (&[Method::GET],                  "/v1/prompts/{id}/versions",                           PEOPLE,   Subject::Prompt),
    (&[Method::POST],                 "/v1/prompts/{id}/versions/{version}/restore",         PEOPLE,   Subject::Prompt),
    (&[Method::POST],                 "/v1/speech",                                          PEOPLE,   Subject::Parts),
    (&[Method::PUT],                  "/v1/prompts/{id}/text",                               PEOPLE,   Subject::Prompt),
    (&[Method::GET],                  "/v1/service-numbers",                                 STAFF,    Subject::Domain),
    (&[Method::GET, Method::PUT, Method::DELETE],
                                      "/v1/service-numbers/{number}",                        STAFF,    Subject::Domain),
    (&[Method::PUT, Method::DELETE],  "/v1/service-numbers/{number}/messages/{slot}",        STAFF,    Subject::Domain),
    (&[Method::GET],                  "/v1/playlists",                                       STAFF,    Subject::Domain),
    (&[Method::GET, Method::PUT, Method::DELETE],
                                      "/v1/playlists/{name}",                                STAFF,    Subject::Domain),
    (&[Method::GET],                  "/v1/voices",                                          PEOPLE,   Subject::Parts),
    (&[Method::GET],                  "/v1/voices/{voice}/sample",                           PEOPLE,   Subject::Parts),
    (&[Method::GET],                  "/v1/recordings",                                      STAFF,    Subject::Domain),
    (&[Method::GET],                  "/v1/recordings/{id}",                                 STAFF,    Subject::Domain),
    (&[Method::GET],                  "/v1/recordings/{id}/transcript.vtt",                  STAFF,    Subject::Domain),
    (&[Method::GET],                  "/v1/events",                                          PEOPLE,   Subject::Parts),
    (&[Method::GET],                  "/v1/events/stream",                                   PEOPLE,   Subject::Parts),
    (&[Method::GET, Method::POST],    "/v1/webhooks",                                        PORTAL,   Subject::Domain),
    (&[Method::GET, Method::PATCH, Method::DELETE],
                                      "/v1/webhooks/{id}",                                   PORTAL,   Subject::Domain),
    (&[Method::GET],                  "/v1/webhooks/{id}/deliveries",                        PORTAL,   Subject::Domain),
    (&[Method::POST],                 "/v1/webhooks/{id}/replay",                            PORTAL,   Subject::Domain),
    (&[Method::POST],                 "/v1/webhooks/{id}/secret",                            PORTAL,   Subject::Domain),
    (&[Method::POST],                 "/v1/webhooks/{id}/test",                              PORTAL,   Subject::Domain),
];

/// The rules of one path.
type Methods = Vec<(Method, Rule)>;

static RULES: LazyLock<HashMap<&str, Methods>> = LazyLock::new(|| {
    let mut rules: HashMap<&str, Methods> = HashMap::new();
    for (methods, path, roles, about) in TABLE {
        let rule = Rule { roles, about: *about };
        rules.entry(path).or_default().extend(methods.iter().map(|method| (method.clone(), rule)));
    }
    rules
});

/// What a method of a route needs.
///
/// # Errors
/// The methods that the route has instead; none if nobody may ask for it at all.
pub(super) fn rule(route: &str, method: &Method) -> Result<&'static Rule, Vec<Method>> {
    let methods = RULES.get(route).map(Vec::as_slice).unwrap_or_default();
    let method = if method == Method::HEAD { &Method::GET } else { method };
    let found = methods.iter().find(|(one, _)| one == method);
    found.map(|(_, rule)| rule).ok_or_else(|| methods.iter().map(|(method, _)| method.clone()).collect())
}

/// One method of a route that needs a key, for tests and documents that go through all of them.
#[derive(Clone, Debug)]
pub struct KeyedRoute {
    /// The method.
    pub method: Method,
    /// The path, with the names of its variable parts in braces.
    pub path: &'static str,
    /// Who may ask.
    pub roles: &'static [Role],
    /// What it is about, by the name of the variable part that says so; none for a whole domain.
    pub about: Option<&'static str>,
    /// Whether everybody gets their part of it.
    pub in_parts: bool,
}

/// Every method of every route that needs a key.
pub fn keyed_methods() -> Vec<KeyedRoute> {
    let of_row = |(methods, path, roles, about): &(&'static [Method], &'static str, &'static [Role], Subject)| {
        let (path, roles, in_parts) = (*path, *roles, *about == Subject::Parts);
        let about = match about {
            Subject::Domain | Subject::Parts => None,
            Subject::Mailbox => Some("mailbox"),
            Subject::Message => Some("message"),
            Subject::Prompt => Some("prompt"),
            Subject::Rendition => Some("rendition"),
        };
        methods.iter().map(move |method| KeyedRoute { method: method.clone(), path, roles, about, in_parts })
    };
    TABLE.iter().flat_map(of_row).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use axum::{body::Body, http::Request};
    use hyper::service::Service;
    use hyper_util::service::TowerToHyperService;

    use super::*;
    use crate::http::keyed_routes;

    /// Every path of a router: it tells them when it is printed for debugging.
    fn paths(printed: &str) -> BTreeSet<String> {
        let (_, paths) = printed.split_once("paths: {").expect("axum prints its paths");
        let (paths, _) = paths.split_once("},").or_else(|| paths.split_once('}')).unwrap();
        paths.split('"').skip(1).step_by(2).map(str::to_owned).collect()
    }

    #[tokio::test]
    async fn the_table_has_every_route_of_the_router_with_every_method_and_no_other() {
        let opened = crate::testing::open(voicemill_sql::Kind::Sqlite).await;
        let routes = keyed_routes();
        let listed: BTreeSet<String> = TABLE.iter().map(|(_, path, ..)| (*path).to_owned()).collect();
        assert_eq!(paths(&format!("{routes:?}")), listed);
        let router = TowerToHyperService::new(routes.with_state(opened.app.clone()));
        for path in &listed {
            let address = path.replace(['{', '}'], "");
            let request = Request::builder().method("TRACE").uri(address).body(Body::empty()).unwrap();
            let answer = router.call(request).await.unwrap();
            let allowed = answer.headers().get("allow").unwrap_or_else(|| panic!("{path} takes any method"));
            let mut routed: Vec<_> = allowed.to_str().unwrap().split(',').filter(|name| *name != "HEAD").collect();
            routed.sort_unstable();
            let mut ruled: Vec<_> = RULES[path.as_str()].iter().map(|(method, _)| method.as_str()).collect();
            ruled.sort_unstable();
            assert_eq!(routed, ruled, "{path}");
        }
    }

    #[test]
    fn what_is_not_in_the_table_nobody_may_do() {
        assert!(rule("/v1/messages/{id}", &Method::HEAD).is_ok(), "as GET");
        assert_eq!(rule("/v1/voices", &Method::TRACE).unwrap_err(), [Method::GET]);
        assert_eq!(rule("/v1/none", &Method::GET).unwrap_err(), Vec::<Method>::new());
    }
}
