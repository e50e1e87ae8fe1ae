FROM quay.io/airshipit/ironic:2026.1-ubuntu_noble
COPY ironic_async_events-*.whl /tmp/
RUN python3 -m pip install --no-deps /tmp/ironic_async_events-*.whl
