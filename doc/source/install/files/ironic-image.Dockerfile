FROM quay.io/metal3-io/ironic
COPY ironic_async_events-*.whl async-events.conf /tmp/
RUN python3.12 -m pip install --no-deps --prefix /usr /tmp/*.whl
RUN cat /tmp/async-events.conf >> /etc/ironic/ironic.conf.j2
# For the outbox alone:
RUN sed -i 's|^exec /usr/bin/ironic |ironic-async-events-dbsync --config-dir "${IRONIC_CONF_DIR}" upgrade\n&|' /bin/runironic
