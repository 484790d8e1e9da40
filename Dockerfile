FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY scripts/setup scripts/
RUN scripts/setup
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --profile dist --locked && cp target/dist/voicemill /usr/local/bin/
# Each is checked against the hashes in the manifest.
RUN voicemill models --models-dir /models fetch whisper-tiny.en voice-heart

FROM debian:bookworm-slim
RUN apt-get update && \
    apt-get install --yes --no-install-recommends libgsm1 libmp3lame0 libstdc++6 && \
    rm -rf /var/lib/apt/lists/* && \
    useradd --system --uid 10001 --home-dir /data voicemill && \
    install --directory --owner voicemill --mode 0750 /data
COPY --from=build /models /models
COPY --from=build /usr/local/bin/voicemill /usr/local/bin/
ENV VOICEMILL_HTTP__LISTEN=0.0.0.0:8080 \
    VOICEMILL_STORAGE__FOLDER=/data \
    VOICEMILL_SPEECH__MODELS_FOLDER=/models
USER voicemill
WORKDIR /data
VOLUME /data
EXPOSE 8080
# By bash, because the image has no HTTP client and needs no other.
HEALTHCHECK --interval=30s --timeout=5s --start-period=15s \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET /healthz HTTP/1.0\\r\\n\\r\\n' >&3 && grep -q ' 200 ' <&3"]
ENTRYPOINT ["voicemill"]
CMD ["serve"]
