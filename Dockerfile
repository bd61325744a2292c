# The gateway, the model and the example's legacy service: one image, started with different commands.
FROM python:3.11-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
RUN python -m venv /opt/understudy
# The requirements change seldom, the code often: two layers.
COPY requirements/build.txt requirements/run.txt requirements/
RUN /opt/understudy/bin/pip install --require-hashes -r requirements/build.txt -r requirements/run.txt
COPY pyproject.toml README.md LICENSE ./
COPY gateway gateway
COPY adapters adapters
COPY models models
RUN /opt/understudy/bin/pip install --no-deps --no-build-isolation . \
    && /opt/understudy/bin/pip uninstall --yes setuptools pip

FROM python:3.11-slim
RUN groupadd --gid 10001 understudy \
    && useradd --uid 10001 --gid understudy --home-dir /var/lib/understudy --create-home \
        --shell /usr/sbin/nologin understudy
COPY --from=build /opt/understudy /opt/understudy
ENV PATH=/opt/understudy/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    BENTOML_DO_NOT_TRACK=True \
    BENTOML_HOME=/var/lib/understudy/bentoml \
    UNDERSTUDY_CONFIG=/etc/understudy/understudy.yaml
USER 10001:10001
WORKDIR /var/lib/understudy
VOLUME /var/lib/understudy
# 8080 is for callers; 8081 for operators and monitoring only.
EXPOSE 8080 8081
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8081/readyz', timeout=2)"]
ENTRYPOINT ["understudy"]
CMD ["serve"]
