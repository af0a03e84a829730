# A new image, machine type or setting makes a new template. Running instances keep the old one:
# FlaskScale sees the difference, starts new instances first, and drains the old.
resource "google_compute_region_instance_template" "backend" {
  name_prefix  = "${var.name}-"
  description  = var.app_image
  region       = var.region
  machine_type = var.machine_type

  disk {
    source_image = "projects/cos-cloud/global/images/family/cos-stable"
    disk_type    = "pd-balanced"
    disk_size_gb = var.disk_gb
    boot         = true
    auto_delete  = true
  }

  network_interface {
    subnetwork = google_compute_subnetwork.site.id
  }

  service_account {
    email  = google_service_account.backend.email
    scopes = ["cloud-platform"] # what it may do is decided by its roles
  }

  metadata = {
    user-data              = local.backend_cloud_init
    google-logging-enabled = "true"
  }

  scheduling {
    provisioning_model          = var.spot ? "SPOT" : "STANDARD"
    preemptible                 = var.spot
    automatic_restart           = !var.spot
    on_host_maintenance         = var.spot ? "TERMINATE" : "MIGRATE"
    instance_termination_action = var.spot ? "STOP" : null
  }

  shielded_instance_config {
    enable_secure_boot          = true
    enable_vtpm                 = true
    enable_integrity_monitoring = true
  }

  lifecycle {
    create_before_destroy = true
  }
}

locals {
  app_environment = merge(
    {
      PORT              = tostring(var.app_port)
      GUNICORN_CMD_ARGS = "--bind=0.0.0.0:${var.app_port} --graceful-timeout=${max(1, var.app_stop_seconds - 5)}"
    },
    var.app_environment,
  )
  backend_cloud_init = templatefile("${path.module}/backend.cloud-init.yaml.tftpl", {
    environment   = base64encode(join("", [for name, value in local.app_environment : "${name}=${value}\n"]))
    image         = var.app_image
    name          = var.name
    port          = var.app_port
    registry      = split("/", var.app_image)[0]
    stop_seconds  = var.app_stop_seconds
    systemd_limit = var.app_stop_seconds + 5
  })
}

# One group a zone, all of one name; no autoscaler: FlaskScale names each instance it makes and each
# that it deletes, after its last request has ended.
resource "google_compute_instance_group_manager" "backends" {
  for_each = toset(var.zones)

  name                           = var.name
  base_instance_name             = "${var.name}-${reverse(split("-", each.value))[0]}"
  zone                           = each.value
  target_size                    = 0
  list_managed_instances_results = "PAGINATED"
  wait_for_instances             = false

  version {
    instance_template = google_compute_region_instance_template.backend.self_link
  }

  named_port {
    name = "http"
    port = var.app_port
  }

  # PROACTIVE would replace VMs without a drain, and refuses instances by name.
  update_policy {
    type                  = "OPPORTUNISTIC"
    minimal_action        = "REPLACE"
    max_surge_fixed       = 1
    max_unavailable_fixed = 0
  }

  instance_lifecycle_policy {
    default_action_on_failure = "REPAIR"
    force_update_on_repair    = "YES"
  }

  standby_policy {
    mode              = "MANUAL"
    initial_delay_sec = 0
  }

  # These belong to FlaskScale: how many there are, and the mark of the one that decides it.
  lifecycle {
    ignore_changes = [
      description,
      target_size,
      target_stopped_size,
      target_suspended_size,
    ]
  }
}
