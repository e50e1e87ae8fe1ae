FROM <image that OpenStackVersion names>
USER root
COPY ironic_async_events-*.whl /tmp/
RUN python3 -m pip install --no-deps /tmp/ironic_async_events-*.whl
USER ironic
