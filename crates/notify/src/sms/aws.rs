//! AWS End User Messaging. Its reports and replies reach our webhook by way of an SNS topic.
//!
//! One operation of it is used, so that is asked for as AWS documents it: a POST of JSON, signed with Signature Version 4.
//! Credentials and region come from the configuration, else from AWS's standard chain.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials, SharedCredentialsProvider},
};
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider as Tls, rustls_provider::CryptoMode},
};
use reqwest::{Client, redirect::Policy};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::{
    SmsGateway,
    answer::body_of,
    callbacks::CallbackFormat,
    config::{AwsConfig, SmsConfig, unfit},
};
use crate::{Answer, Channel, NotifyError, Receipt, Recipient, Rendered};

/// What the service is called in its addresses and signatures.
const SERVICE: &str = "sms-voice";
/// The one operation that is asked for.
const OPERATION: &str = "PinpointSMSVoiceV2.SendTextMessage";
const CONTENT_TYPE: &str = "application/x-amz-json-1.0";

struct Aws {
    config: AwsConfig,
    /// Those of the configuration, in place of the standard chain's.
    credentials: Option<Credentials>,
    base_url: Option<String>,
    timeout: Duration,
    client: Client,
    /// Found at the first SMS: it may ask the network.
    account: OnceCell<Account>,
}

/// Who asks, and where.
struct Account {
    credentials: SharedCredentialsProvider,
    region: String,
    url: String,
}

/// The gateway of AWS.
pub(super) fn gateway(config: &SmsConfig) -> Result<SmsGateway, NotifyError> {
    let callbacks: CallbackFormat = toml::from_str(include_str!("aws.toml"))
        .or_else(|error| unfit(format!("the ready settings of AWS cannot be read: {error}")))?;
    let client = Client::builder()
        .redirect(Policy::none())
        .build()
        .or_else(|error| unfit(format!("no HTTP client can be made: {}", error.without_url())))?;
    let aws =
        Aws {
            config: config.aws.clone().unwrap_or_default(),
            credentials: config.user.as_ref().zip(config.secret.as_ref()).map(|(id, secret)| {
                Credentials::new(id.clone(), secret.expose_secret(), None, None, "the [sms] section")
            }),
            base_url: config.base_url.clone(),
            timeout: Duration::from_secs(config.timeout_seconds),
            client,
            account: OnceCell::new(),
        };
    let secret = config.proof_by(callbacks.proof)?;
    Ok(SmsGateway { channel: Arc::new(aws), callbacks: Some(callbacks), secret, line: None })
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
        let account = self.account.get_or_try_init(|| self.find_account()).await?;
        let mut asked = json!({
            "DestinationPhoneNumber": to.address(),
            "OriginationIdentity": message.sender,
            "MessageBody": String::from_utf8_lossy(&message.bytes),
            "MessageType": "TRANSACTIONAL",
            "Context": {"notice": message.notice_id.to_string()},
        });
        if let Some(set) = &self.config.configuration_set {
            asked["ConfigurationSetName"] = set.clone().into();
        }
        let request = self.signed(account, &asked).await?;
        let response = self.client.execute(request).await.map_err(|error| match error.is_connect() {
            true => NotifyError::Retry(Answer::own("AWS cannot be reached")),
            false => NotifyError::Unknown(Answer::own("the connection broke off before AWS answered")),
        })?;
        let status = response.status().as_u16();
        let told = serde_json::from_slice(&body_of(response).await).unwrap_or(Value::Null);
        match status {
            200..=299 => Ok(Receipt {
                answer: Answer::own("taken by AWS End User Messaging"),
                reference: told["MessageId"].as_str().map(str::to_owned),
            }),
            _ => Err(judge(status, &told)),
        }
    }

    async fn find_account(&self) -> Result<Account, NotifyError> {
        let missing = |what: &str| NotifyError::Misconfigured(Answer::own(what));
        // This one asks for credentials where a machine or a container has them.
        let http = Builder::new().tls_provider(Tls::Rustls(CryptoMode::Ring)).build_https();
        let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http);
        if let Some(region) = &self.config.region {
            loader = loader.region(Region::new(region.clone()));
        }
        if let Some(credentials) = &self.credentials {
            loader = loader.credentials_provider(credentials.clone());
        }
        let found = loader.load().await;
        let region = found
            .region()
            .ok_or_else(|| missing("there is no region for AWS; set `sms.aws.region`"))?
            .as_ref()
            .to_owned();
        let credentials = found.credentials_provider().ok_or_else(|| missing("there are no credentials for AWS"))?;
        let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        let public = format!("https://{SERVICE}.{region}.{suffix}");
        let url = self.base_url.clone().unwrap_or(public);
        Ok(Account { credentials, region, url: format!("{}/", url.trim_end_matches('/')) })
    }

    async fn signed(&self, account: &Account, asked: &Value) -> Result<reqwest::Request, NotifyError> {
        let unfit = |why: &str| NotifyError::Misconfigured(Answer::own(why));
        let credentials = account.credentials.provide_credentials().await;
        let credentials = credentials.map_err(|_| unfit("there are no credentials for AWS"))?;
        let broken = |_| unfit("AWS cannot be asked; check the region and the credentials");
        #[expect(clippy::disallowed_methods, reason = "AWS compares the signature with its clock, not with ours")]
        let now = SystemTime::now();
        let identity = credentials.into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&account.region)
            .name(SERVICE)
            .time(now)
            .settings(SigningSettings::default())
            .build()
            .map_err(|_| unfit("the request to AWS cannot be signed"))?
            .into();
        let body = asked.to_string();
        let headers = [("content-type", CONTENT_TYPE), ("x-amz-target", OPERATION)];
        let signable =
            SignableRequest::new("POST", &account.url, headers.into_iter(), SignableBody::Bytes(body.as_bytes()));
        let (instructions, _) = sign(signable.map_err(broken)?, &params).map_err(broken)?.into_parts();
        let mut request = self.client.post(&account.url);
        for (name, value) in headers.into_iter().chain(instructions.headers()) {
            request = request.header(name, value);
        }
        request.body(body).build().map_err(|_| unfit("`sms.base_url` is no address"))
    }
}

/// What a refusal means for the SMS.
///
/// <https://docs.aws.amazon.com/pinpoint/latest/apireference_smsvoicev2/API_SendTextMessage.html#API_SendTextMessage_Errors>
fn judge(status: u16, told: &Value) -> NotifyError {
    // Some services put a namespace before it, and an address behind.
    let code = told["__type"].as_str().map(|code| code.rsplit('#').next().unwrap_or(code));
    let code = code.map(|code| code.split(':').next().unwrap_or(code));
    let said = ["message", "Message"].iter().find_map(|name| told[name].as_str());
    let answer = Answer::coded(status, code, said.unwrap_or_default());
    match code {
        Some("ThrottlingException" | "InternalServerException") => NotifyError::Retry(answer),
        Some("ValidationException") => {
            let fields = told["Fields"].as_array().into_iter().flatten();
            let mut names = fields.filter_map(|field| field["Name"].as_str());
            match names.any(|name| ["Origination", "Configuration"].iter().any(|ours| name.contains(ours))) {
                true => NotifyError::Misconfigured(answer),
                false => NotifyError::Refused(answer),
            }
        }
        // It asked to be left alone, for the most part.
        Some("ConflictException") => NotifyError::Refused(answer),
        _ if status >= 500 || status == 429 => NotifyError::Retry(answer),
        // A quota, a right, an origin that is not there; credentials that are wrong, old or badly signed.
        _ => NotifyError::Misconfigured(answer),
    }
}
