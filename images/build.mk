# Guest images are kept outside the tree, by a hash of their recipe: see scripts/image.
.PHONY: image
image: ## build the guest image, if its recipe changed
	@scripts/image

# The patched guest kernel, kept there as well: see scripts/l4linux.
.PHONY: l4linux
l4linux: ## build the guest kernel that is made for Guise (l4linux-patch/), a vmlinuz and a .deb
	@scripts/l4linux

# Machines that something else than `make run` starts: see images/machine/build.
.PHONY: iso disk libvirt
iso: all ## build/guise.iso: Guise and a Debian guest, from CD or USB stick, BIOS and UEFI
	@echo '  IMAGE   $(B)/guise.iso'
	@images/machine/build iso $(B)/guise.iso

disk: all ## build/guise.img: the same as a disk that holds the guest's root as well
	@echo '  IMAGE   $(B)/guise.img'
	@images/machine/build disk $(B)/guise.img

libvirt: all ## a folder with all that libvirt needs to start Guise, and the XML (DIR, BOOT, UEFI, NET)
	@scripts/libvirt
