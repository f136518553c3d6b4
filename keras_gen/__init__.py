from keras_gen.autoregressive.gated_pixel_cnn import GatedPixelCNN
from keras_gen.autoencoders.vae import VAE
from keras_gen.adversarial.dcgan import DCGAN
