resource "google_compute_address" "front_door" {
  name         = "${var.name}-front-door"
  address_type = "EXTERNAL"

  depends_on = [google_project_service.apis]
}

locals {
  front_door_config = var.front_door_config != "" ? var.front_door_config : templatefile(
    "${path.module}/flaskscale.toml.tftpl",
    {
      availability = var.availability
      health_path  = jsonencode(var.health_path)
      max          = var.max_instances
      min          = var.min_instances
      name         = var.name
      port         = var.app_port
      project      = jsonencode(var.project)
      slots        = var.slots
      standby      = var.standby
      standby_mode = jsonencode(var.standby_mode)
      zones        = jsonencode(var.zones)
    },
  )
}

# Debian that runs FlaskScale's container. Its configuration is an attribute of the VM and followed:
# `terraform apply` with other settings reloads FlaskScale and drops no connection.
resource "google_compute_instance" "front_door" {
  name                      = "${var.name}-front-door"
  zone                      = var.zones[0]
  machine_type              = var.front_door_machine_type
  allow_stopping_for_update = true

  boot_disk {
    initialize_params {
      image = "projects/debian-cloud/global/images/family/debian-12"
      size  = 20
      type  = "pd-balanced"
    }
  }

  network_interface {
    subnetwork = google_compute_subnetwork.site.id

    access_config {
      nat_ip = google_compute_address.front_door.address
    }
  }

  service_account {
    email  = google_service_account.front_door.email
    scopes = ["cloud-platform"]
  }

  metadata = {
    flaskscale-config = local.front_door_config
    flaskscale-image  = var.front_door_image
    startup-script    = file("${path.module}/front_door.sh")
  }

  scheduling {
    automatic_restart   = true
    on_host_maintenance = "MIGRATE"
  }

  shielded_instance_config {
    enable_secure_boot          = true
    enable_vtpm                 = true
    enable_integrity_monitoring = true
  }

  # It must be able to scale from its first second on.
  depends_on = [
    google_artifact_registry_repository_iam_member.reader,
    google_compute_instance_group_manager.backends,
    google_project_iam_member.scaler,
    google_service_account_iam_member.scaler_uses_backend,
  ]
}
