#!/usr/bin/env bash
#
# DevStack plugin of Freezer's API. In local.conf:
#
#     enable_plugin freezer-api <GITURL> [GITREF]
#
# stack.sh sources this file several times, with the mode and the phase as arguments; see
# https://docs.openstack.org/devstack/latest/plugins.html. The functions and variables in capitals are DevStack's.

# Tracing is switched off while this file is read, and put back at its end.
_XTRACE_FREEZER_API=$(set +o | grep xtrace)
set +o xtrace

# The virtual environment has our program and, for Apache and uWSGI, the application that they load.
function _freezer_api_python {
    python3 -m venv "$FREEZER_API_VENV"
    "$FREEZER_API_VENV/bin/pip" install "${FREEZER_API_DIR}[api,mysql,postgresql]" \
        "$FREEZER_API_DIR/compat/freezer-api-compat"
}

function install_freezer_api {
    sudo install -d -o "$STACK_USER" "$FREEZER_API_CONF_DIR" "$FREEZER_API_LOG_DIR"
    _freezer_api_python
    case "$FREEZER_API_SERVER_TYPE" in
        apache2) install_apache_wsgi ;;
        uwsgi) "$FREEZER_API_VENV/bin/pip" install uwsgi ;;
        freezer-api) ;;
        *) die "$LINENO" "FREEZER_API_SERVER_TYPE is apache2, uwsgi or freezer-api, not $FREEZER_API_SERVER_TYPE" ;;
    esac
}

function configure_freezer_api {
    if [[ "$FREEZER_BACKEND" != sqlalchemy ]]; then
        die "$LINENO" "FREEZER_BACKEND is sqlalchemy, not $FREEZER_BACKEND"
    fi
    install -m 640 "$FREEZER_API_DIR/etc/freezer-api.conf.sample" "$FREEZER_API_CONF"
    iniset "$FREEZER_API_CONF" api bind_host "$(ipv6_unquote "$SERVICE_LISTEN_ADDRESS")"
    iniset "$FREEZER_API_CONF" api bind_port "$FREEZER_API_PORT"
    iniset "$FREEZER_API_CONF" DEFAULT debug "$ENABLE_DEBUG_LOG_LEVEL"
    iniset "$FREEZER_API_CONF" DEFAULT log_file "$FREEZER_API_LOG_DIR/freezer-api.log"
    iniset "$FREEZER_API_CONF" database connection "$(database_connection_url freezer)"
    configure_keystone_authtoken_middleware "$FREEZER_API_CONF" freezer
    case "$FREEZER_API_SERVER_TYPE" in
        apache2) _configure_freezer_api_apache ;;
        uwsgi) _configure_freezer_api_uwsgi ;;
    esac
}

function _configure_freezer_api_apache {
    local site
    site=$(apache_site_config_for freezer-api)
    sudo sed -e "s|^Define freezer_wsgi .*|Define freezer_wsgi $FREEZER_API_DIR/etc|" \
        -e "s|9090|$FREEZER_API_PORT|" \
        -e "s|WSGIDaemonProcess freezer-api|& user=$STACK_USER python-home=$FREEZER_API_VENV|" \
        "$FREEZER_API_DIR/etc/apache-freezer-api.conf" | sudo tee "$site" > /dev/null
    enable_apache_site freezer-api
}

function _configure_freezer_api_uwsgi {
    sed -e "s|^http-socket = .*|http-socket = $SERVICE_LISTEN_ADDRESS:$FREEZER_API_PORT|" \
        "$FREEZER_API_DIR/etc/uwsgi-freezer-api.ini" > "$FREEZER_API_CONF_DIR/uwsgi.ini"
}

# The user, its roles, the service and its endpoints in Keystone.
function create_freezer_api_accounts {
    create_service_user freezer admin
    get_or_create_service freezer backup "Freezer Backup Service"
    get_or_create_endpoint backup "$REGION_NAME" \
        "$FREEZER_API_PROTOCOL://$FREEZER_API_HOST:$FREEZER_API_PORT"
}

function init_freezer_api {
    recreate_database freezer utf8
    "$FREEZER_API_VENV/bin/freezer-manage" --config-file "$FREEZER_API_CONF" db sync
}

function start_freezer_api {
    case "$FREEZER_API_SERVER_TYPE" in
        apache2) restart_apache_server ;;
        uwsgi)
            run_process freezer-api "$FREEZER_API_VENV/bin/uwsgi --ini $FREEZER_API_CONF_DIR/uwsgi.ini" ;;
        freezer-api)
            run_process freezer-api "$FREEZER_API_VENV/bin/freezer-api --config-file $FREEZER_API_CONF" ;;
    esac
    local url=$FREEZER_API_PROTOCOL://$FREEZER_API_HOST:$FREEZER_API_PORT/healthcheck
    if ! wait_for_service "$SERVICE_TIMEOUT" "$url"; then
        die "$LINENO" "freezer-api did not start"
    fi
}

function stop_freezer_api {
    if [[ "$FREEZER_API_SERVER_TYPE" == apache2 ]]; then
        disable_apache_site freezer-api
        restart_apache_server
    else
        stop_process freezer-api
    fi
}

function cleanup_freezer_api {
    if [[ "$FREEZER_API_SERVER_TYPE" == apache2 ]]; then
        sudo rm -f "$(apache_site_config_for freezer-api)"
    fi
    sudo rm -rf "$FREEZER_API_VENV" "$FREEZER_API_CONF_DIR" "$FREEZER_API_LOG_DIR"
}

if is_service_enabled freezer-api; then
    case "$1/${2:-}" in
        stack/install)
            echo_summary "Installing freezer-api"
            install_freezer_api
            ;;
        stack/post-config)
            echo_summary "Configuring freezer-api"
            configure_freezer_api
            if is_service_enabled key keystone; then
                create_freezer_api_accounts
            fi
            ;;
        stack/extra)
            echo_summary "Starting freezer-api"
            init_freezer_api
            start_freezer_api
            ;;
        unstack/*) stop_freezer_api ;;
        clean/*) cleanup_freezer_api ;;
    esac
fi

$_XTRACE_FREEZER_API
