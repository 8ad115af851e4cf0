# One small image a role: docker build --build-arg ROLE=worker|bridge .
FROM python:3.11-slim AS build
ARG ROLE=worker
WORKDIR /build
COPY requirements/${ROLE}.txt requirements.txt
RUN python -m venv /opt/veriaidpo && /opt/veriaidpo/bin/pip install --no-cache-dir --require-hashes -r requirements.txt

FROM python:3.11-slim
RUN useradd --uid 10001 --create-home --home-dir /var/lib/veriaidpo veriaidpo
COPY --from=build /opt/veriaidpo /opt/veriaidpo
WORKDIR /srv/veriaidpo
COPY LICENSE NOTICE ./
COPY schemas schemas
COPY connectors connectors
COPY streams streams
COPY api api
COPY cli cli
COPY models/starter models/starter
RUN printf '#!/bin/sh\nexec /opt/veriaidpo/bin/python -m cli.main "$@"\n' > /usr/local/bin/veriaidpo && chmod 755 /usr/local/bin/veriaidpo
ENV PYTHONPATH=/srv/veriaidpo PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 VERIAIDPO_HOME=/var/lib/veriaidpo/home
RUN mkdir -m 0700 /var/lib/veriaidpo/home && chown veriaidpo:veriaidpo /var/lib/veriaidpo/home
VOLUME /var/lib/veriaidpo/home
USER veriaidpo
ENTRYPOINT ["veriaidpo"]
CMD ["--help"]
