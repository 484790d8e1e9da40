//! AWS End User Messaging. Its reports and replies reach our webhook by way of an SNS topic.

use std::{error::Error as StdError, sync::Arc, time::Duration};

use async_trait::async_trait;
use aws_config::{BehaviorVersion, Region, retry::RetryConfig};
use aws_sdk_pinpointsmsvoicev2::{
    Client,
    config::Credentials,
    error::{ProvideErrorMetadata, SdkError},
    operation::send_text_message::SendTextMessageError as Refusal,
    types::MessageType,
};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider as Tls, rustls_provider::CryptoMode},
};
use secrecy::ExposeSecret;
use tokio::sync::OnceCell;

use super::{
    SmsGateway,
    config::{AwsConfig, SmsConfig, unfit},
    ears::Ears,
};
use crate::{Answer, Channel, NotifyError, Receipt, Recipient, Rendered};

struct Aws {
    config: AwsConfig,
    /// Those of the configuration, in place of the standard chain's.
    credentials: Option<Credentials>,
    base_url: Option<String>,
    timeout: Duration,
    /// Made at the first SMS: finding credentials may ask the network.
    client: OnceCell<Client>,
}

/// The gateway of AWS.
pub(super) fn gateway(config: &SmsConfig) -> Result<SmsGateway, NotifyError> {
    let ears: Ears = toml::from_str(include_str!("aws.toml"))
        .or_else(|error| unfit(format!("the ready settings of AWS cannot be read: {error}")))?;
    let aws =
        Aws {
            config: config.aws.clone().unwrap_or_default(),
            credentials: config.user.as_ref().zip(config.secret.as_ref()).map(|(id, secret)| {
                Credentials::new(id.clone(), secret.expose_secret(), None, None, "the [sms] section")
            }),
            base_url: config.base_url.clone(),
            timeout: Duration::from_secs(config.timeout_seconds),
            client: OnceCell::new(),
        };
    let secret = config.proof_by(ears.proof)?;
    Ok(SmsGateway { channel: Arc::new(aws), ears: Some(ears), secret, line: None })
}

#[async_trait]
impl Channel for Aws {
    async fn deliver(&self, to: &Recipient, message: &Rendered) -> Result<Receipt, NotifyError> {
        let late = |_| NotifyError::Unknown(Answer::own(format!("no answer within {} s", self.timeout.as_secs())));
        tokio::time::timeout(self.timeout, self.send(to, message)).await.map_err(late)?
    }
}

impl Aws {
    async fn send(&self, to: &Recipient, message: &Rendered) -> Result<Receipt, NotifyError> {
        let text = String::from_utf8_lossy(&message.bytes);
        let client = self.client.get_or_init(|| self.connect()).await;
        let sent = client
            .send_text_message()
            .destination_phone_number(to.address())
            .origination_identity(&message.sender)
            .message_body(text)
            .message_type(MessageType::Transactional)
            .set_configuration_set_name(self.config.configuration_set.clone())
            .context("notice", message.notice_id.to_string())
            .send()
            .await;
        match sent {
            Ok(output) => Ok(Receipt {
                answer: Answer::own("taken by AWS End User Messaging"),
                reference: output.message_id().map(str::to_owned),
            }),
            Err(error) => Err(judge(&error)),
        }
    }

    async fn connect(&self) -> Client {
        let http = Builder::new().tls_provider(Tls::Rustls(CryptoMode::Ring)).build_https();
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http)
            // The queue tries again; the library might send an SMS twice.
            .retry_config(RetryConfig::disabled());
        if let Some(region) = &self.config.region {
            loader = loader.region(Region::new(region.clone()));
        }
        if let Some(credentials) = &self.credentials {
            loader = loader.credentials_provider(credentials.clone());
        }
        if let Some(base_url) = &self.base_url {
            loader = loader.endpoint_url(base_url);
        }
        Client::new(&loader.load().await)
    }
}

fn judge(error: &SdkError<Refusal>) -> NotifyError {
    let code = error.code();
    match error {
        SdkError::ServiceError(refused) => {
            let status = refused.raw().status().as_u16();
            let answer = Answer::coded(status, code, error.message().unwrap_or_default());
            match refused.err() {
                Refusal::ThrottlingException(_) | Refusal::InternalServerException(_) => NotifyError::Retry(answer),
                Refusal::ValidationException(wrong) => {
                    let ours = |name: &str| ["Origination", "Configuration"].iter().any(|part| name.contains(part));
                    match wrong.fields().iter().any(|field| ours(field.name())) {
                        true => NotifyError::Misconfigured(answer),
                        false => NotifyError::Refused(answer),
                    }
                }
                // It asked to be left alone, for the most part.
                Refusal::ConflictException(_) => NotifyError::Refused(answer),
                Refusal::AccessDeniedException(_)
                | Refusal::ResourceNotFoundException(_)
                | Refusal::ServiceQuotaExceededException(_) => NotifyError::Misconfigured(answer),
                _ if status >= 500 || status == 429 => NotifyError::Retry(answer),
                // Credentials that are wrong, old or badly signed.
                _ => NotifyError::Misconfigured(answer),
            }
        }
        SdkError::ConstructionFailure(_) => {
            NotifyError::Misconfigured(Answer::own("AWS cannot be asked; check the region and the credentials"))
        }
        SdkError::DispatchFailure(_) if mentions(error, "redential") => {
            NotifyError::Misconfigured(Answer::own("there are no credentials for AWS"))
        }
        SdkError::DispatchFailure(_) if mentions(error, "(Connect)") => {
            NotifyError::Retry(Answer::own("AWS cannot be reached"))
        }
        _ => NotifyError::Unknown(Answer::own("the connection broke off before AWS answered")),
    }
}

/// Whether any error beneath this one says `words`; the library keeps the kinds of its connectors to itself.
fn mentions(error: &SdkError<Refusal>, words: &str) -> bool {
    let mut beneath: Option<&dyn StdError> = Some(error);
    while let Some(error) = beneath {
        if error.to_string().contains(words) {
            return true;
        }
        beneath = error.source();
    }
    false
}
