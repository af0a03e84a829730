output "address" {
  description = "Public address of the front door."
  value       = google_compute_address.front_door.address
}

output "url" {
  description = "The site."
  value       = "http://${var.domain != "" ? var.domain : google_compute_address.front_door.address}/"
}

output "registry" {
  description = "Push images here: docker push REGISTRY/app"
  value       = "${google_artifact_registry_repository.images.location}-docker.pkg.dev/${var.project}/${google_artifact_registry_repository.images.repository_id}"
}

output "name_servers" {
  description = "Enter these at the registrar of the domain, where a new zone was made."
  value       = flatten(google_dns_managed_zone.site[*].name_servers)
}

output "groups" {
  description = "The managed instance groups by zone."
  value       = { for zone, group in google_compute_instance_group_manager.backends : zone => group.name }
}

output "admin" {
  description = "Run this; then the admin listener (status API, metrics) is http://localhost:9901/"
  value       = "gcloud compute ssh ${google_compute_instance.front_door.name} --project=${var.project} --zone=${google_compute_instance.front_door.zone} --tunnel-through-iap -- -L 9901:127.0.0.1:9901"
}

output "front_door_account" {
  description = "The account that scales."
  value       = google_service_account.front_door.email
}
