# Two stages: the first installs with the pinned versions, the second holds what runs, without root and without a compiler.
FROM python:3.12-slim AS build
WORKDIR /src
COPY pyproject.toml constraints.txt README.md ./
COPY detectors detectors
COPY governance governance
COPY reporting reporting
COPY streams streams
RUN python -m venv /opt/pmon \
 && /opt/pmon/bin/pip install --no-cache-dir --disable-pip-version-check -c constraints.txt .

FROM python:3.12-slim
COPY --from=build /opt/pmon /opt/pmon
RUN useradd --system --uid 10001 --no-create-home pmon
USER 10001
ENV PATH=/opt/pmon/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
EXPOSE 6066
ENTRYPOINT ["pmon"]
CMD ["run"]
