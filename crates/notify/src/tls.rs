//! TLS to servers that we send through: mail servers, and message centres that speak SMPP.

use std::{io, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring::default_provider,
    pki_types::{CertificateDer, ServerName},
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// What trusts the public certificates, and makes connections of its own.
#[derive(Clone)]
pub(crate) struct Tls(TlsConnector);

impl Tls {
    /// Trusts `more` beside the public certificates.
    pub(crate) fn trusting(more: Vec<CertificateDer<'static>>) -> Result<Self, rustls::Error> {
        let mut roots = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        for certificate in more {
            roots.add(certificate)?;
        }
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }

    /// Makes TLS over a connection to `host`, whose certificate has to show that name.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`] where the certificate is not trusted, [`io::ErrorKind::InvalidInput`] where `host`
    /// is no name; any other kind is the connection's.
    pub(crate) async fn connect<S>(&self, host: &str, stream: S) -> io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| {
            io::Error::new(io::ErrorKind::InvalidInput, "this is no name that a certificate could show")
        })?;
        self.0.connect(name, stream).await
    }
}
