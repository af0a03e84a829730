# A zone of our own for the domain, unless it lies in one that exists.
resource "google_dns_managed_zone" "site" {
  count = var.domain != "" && var.dns_zone == "" ? 1 : 0

  name        = replace(var.domain, ".", "-")
  dns_name    = "${var.domain}."
  description = "Name of ${var.name}"

  depends_on = [google_project_service.apis]
}

resource "google_dns_record_set" "site" {
  count = var.domain != "" ? 1 : 0

  managed_zone = var.dns_zone != "" ? var.dns_zone : google_dns_managed_zone.site[0].name
  name         = "${var.domain}."
  type         = "A"
  ttl          = 300
  rrdatas      = [google_compute_address.front_door.address]
}
