# Guest images are kept outside the tree, by a hash of their recipe: see scripts/image.
.PHONY: image
image: ## build the guest image, if its recipe changed
	@scripts/image
