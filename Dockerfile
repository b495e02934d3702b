# CPU by default; docker build --build-arg TORCH=gpu . takes PyPI's CUDA build of torch instead.
FROM python:3.11.14-slim-bookworm

ARG TORCH=cpu

ENV PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PYTHONUNBUFFERED=1 \
    DO_NOT_TRACK=1 \
    MLFLOW_DISABLE_TELEMETRY=true \
    MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false \
    HF_HUB_DISABLE_TELEMETRY=1 \
    HF_HUB_OFFLINE=1

WORKDIR /app
COPY requirements requirements
RUN pip install --require-hashes --no-deps -r requirements/lock.txt \
 && pip install --require-hashes --no-deps -r requirements/deploy.txt
RUN if [ "$TORCH" = "cpu" ]; then \
      pip install --extra-index-url https://download.pytorch.org/whl/cpu -r requirements/torch.txt; \
    else \
      pip install -r requirements/torch.txt; \
    fi

COPY . .
RUN pip install --no-deps --no-build-isolation . && pip check

# Everything that is made at run time lies in /data, owned by a user without rights elsewhere.
RUN useradd --create-home --uid 1000 fints \
 && mkdir -p /data/dagster /data/mlflow /data/lake/inbox \
 && ln -s /app/dagster.yaml /data/dagster/dagster.yaml \
 && chown -R fints:fints /data
USER 1000:1000
VOLUME /data
ENV FINTS_LAKE=/data/lake \
    FINTS_INBOX=/data/lake/inbox \
    FINTS_CONFIGS=/app/configs \
    DAGSTER_HOME=/data/dagster \
    MLFLOW_TRACKING_URI=sqlite:////data/mlflow/mlflow.db

# Every process of this image loads the package; what serves has a check of its own (compose.yaml).
HEALTHCHECK --interval=60s --timeout=30s --start-period=60s \
  CMD ["python", "-c", "import fints_pipeline.base.locations"]

CMD ["python", "-m", "fints_pipeline.demo"]
