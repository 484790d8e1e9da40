//! Buckets that have a host name of their own, `bucket.endpoint`: a real server that takes requests by it, and a resolver
//! that knows where it is.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, Mutex},
};

use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDns};
use bytes::Bytes;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
};
use s3s::{auth::SimpleAuth, host::SingleDomain, service::S3ServiceBuilder};
use s3s_fs::FileSystem;

use super::*;
use uuid::Uuid;

/// Finds every host on this machine, and remembers which it was asked for.
#[derive(Clone, Debug, Default)]
struct Here(Arc<Mutex<Vec<String>>>);

impl ResolveDns for Here {
    fn resolve_dns<'a>(&'a self, name: &'a str) -> DnsFuture<'a> {
        self.0.lock().unwrap().push(name.to_owned());
        DnsFuture::ready(Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]))
    }
}

/// A server of buckets below `s3.example.com`, on the port that it returns.
async fn serve(folder: &Path) -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut service = S3ServiceBuilder::new(FileSystem::new(folder).unwrap());
    service.set_auth(SimpleAuth::from_single("the-access-key", "the-secret-key"));
    service.set_host(SingleDomain::new(&format!("s3.example.com:{port}")).unwrap());
    let service = service.build();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let service = service.clone();
            tokio::spawn(async move {
                drop(Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(socket), service).await);
            });
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_is_asked_by_its_own_host_name_unless_the_path_is_to_name_it() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("voicemail")).unwrap();
    let port = serve(folder.path()).await;
    for (path_style, host) in [(false, "voicemail.s3.example.com"), (true, "s3.example.com")] {
        let config = S3Config {
            endpoint: Some(format!("http://s3.example.com:{port}")),
            path_style,
            access_key_id: Some("the-access-key".to_owned()),
            secret_access_key: Some("the-secret-key".into()),
            ..S3Config::new("voicemail")
        };
        let here = Here::default();
        let http = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring));
        let store = S3Store::over(http.build_with_resolver(here.clone()), config).await.unwrap();
        for bytes in [3, PART as usize + 1] {
            let key = BlobKey::new(Uuid::now_v7(), "orig").unwrap();
            let body = Bytes::from(vec![7; bytes]);
            store.put(&key, body.clone().into()).await.unwrap();
            assert!(folder.path().join("voicemail").join(key.to_string()).exists());
            assert_eq!(store.read(&key, u64::MAX).await.unwrap(), body);
            assert_eq!(store.list("", 10).await.unwrap().blobs[0].key, key);
            store.delete(&key).await.unwrap();
        }
        let asked = here.0.lock().unwrap();
        assert!(!asked.is_empty() && asked.iter().all(|name| name == host), "{path_style}: {asked:?}");
    }
}
