resource "google_compute_network" "site" {
  name                    = var.name
  auto_create_subnetworks = false

  depends_on = [google_project_service.apis]
}

resource "google_compute_subnetwork" "site" {
  name                     = var.name
  network                  = google_compute_network.site.id
  ip_cidr_range            = var.subnetwork_range
  private_ip_google_access = true # instances pull their image without a public address
}

resource "google_compute_router" "site" {
  count = var.nat ? 1 : 0

  name    = var.name
  network = google_compute_network.site.id
}

resource "google_compute_router_nat" "site" {
  count = var.nat ? 1 : 0

  name                               = var.name
  router                             = google_compute_router.site[0].name
  nat_ip_allocate_option             = "AUTO_ONLY"
  source_subnetwork_ip_ranges_to_nat = "ALL_SUBNETWORKS_ALL_IP_RANGES"

  log_config {
    enable = true
    filter = "ERRORS_ONLY"
  }
}

# The network has no other way in: what is not allowed here is refused.
resource "google_compute_firewall" "public" {
  name                    = "${var.name}-public"
  description             = "The world to the front door"
  network                 = google_compute_network.site.id
  source_ranges           = ["0.0.0.0/0"]
  target_service_accounts = [google_service_account.front_door.email]

  allow {
    protocol = "tcp"
    ports    = [for port in var.public_ports : tostring(port)]
  }
}

resource "google_compute_firewall" "backends" {
  name                    = "${var.name}-backends"
  description             = "The front door to the application, and nobody else"
  network                 = google_compute_network.site.id
  source_service_accounts = [google_service_account.front_door.email]
  target_service_accounts = [google_service_account.backend.email]

  allow {
    protocol = "tcp"
    ports    = [tostring(var.app_port)]
  }
}

resource "google_compute_firewall" "ssh" {
  count = length(var.ssh_source_ranges) > 0 ? 1 : 0

  name          = "${var.name}-ssh"
  description   = "Operators"
  network       = google_compute_network.site.id
  source_ranges = var.ssh_source_ranges

  allow {
    protocol = "tcp"
    ports    = ["22"]
  }
}
