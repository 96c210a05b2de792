"""The frozen editions: data sets that are the same for everybody, by what was asked for.

Every preset at seed 0, with as many images as it has, on MNIST and on optdigits.
"""

#: Name and fingerprint of every edition, by :func:`medmnist_det.hashes.options_hash`.
EDITIONS: dict[str, tuple[str, str]] = {
    "9a590aef14c201171d0c0b1983e04639f962945936e6dcbb51ee1c1ecc83c6f2": (
        "paper preset, MNIST, seed 0",
        "0f1a29633da43df7ebb55c5c7cbf271bea6f87f1d4132dc6e0fec6a2cf89cfe6",
    ),
    "aca19f6a2068bd7824768abe1c079a926367f00096abcca53325864d88135241": (
        "paper-code preset, MNIST, seed 0",
        "c5a87cbcd73505e59b2ec9aa7dde691500715e457b15912959b900449fe04429",
    ),
    "9decd44ecffec6823970e8430d34ef351b2bf7ec4bf52fe466e3a5b123def3f6": (
        "experts-and-novices preset, MNIST, seed 0",
        "42685517af0f16913eb4900cf1936f96706278d475d43e3c5170629dfe9368a1",
    ),
    "744b39b805e2416cb238bbe59f0acd0587d48a98fb344d739fa6c5f2ed979dc8": (
        "crowd preset, MNIST, seed 0",
        "5ad6ae19e932beb50a734b2de14b27bdd8ec2729a5a9fdbccf45afa12978c9f6",
    ),
    "56c94cddb49d1bb3ca6a976b80dca9c9ad5f7a123ad15f6d6643b74e4a483560": (
        "radiology preset, MNIST, seed 0",
        "5a431a96e932babd78cb161c7c61cf62a55d5f2de3069c818f76c10d526870e9",
    ),
    "00c1bd334886194c913a8b9d7ae5a2f5b37d24fc175d01b5ec8e8ce3ed336077": (
        "adversary preset, MNIST, seed 0",
        "3db1609fcbda709808415cb1f439a0bd4b11854ea18c5d980b30b31871554bfe",
    ),
    "f20a3f392a547ea9e8d4249c2705060337017767310f918b9a557e247902d3ac": (
        "sparse preset, MNIST, seed 0",
        "4535eb839a82b8558ca7c5579a2ea92a8c4462e9841ac785f6fbffb5e8542bb7",
    ),
    "a641736a24941b58296ecaaa060f8009c8a7b765d6cb953deb738bb64904f125": (
        "hard preset, MNIST, seed 0",
        "de7ca81ac501c104ac7869d1e34c7218a315f2eb81fe9e57e7716777392a73d6",
    ),
    "66457dd8f6d2df7f3b888e7fb56b56d3fafb9c9e79ed5d72f76e48dba95e0749": (
        "students preset, MNIST, seed 0",
        "33858eef553eaa38b28bed9140600ed86c41c1d10493db1d18a93e0a02a1472a",
    ),
    "7564648147df20d4f287c3b15e187db99c1363a946d709a3f6ca4e6028e0c0a4": (
        "tired preset, MNIST, seed 0",
        "eec0c13e5fbb39599922f2813d32f464e63435087e8eee74b65f31efeb7b8d2e",
    ),
    "b477b11b3c626c1c4cded2dfbac8ed35bb327a3e9317ac2993dc1443ab7bc768": (
        "paper preset, optdigits, seed 0",
        "a28814d62d9da72344f99770420c67edf09582e0001be2c09552bfd04e17ac94",
    ),
    "17a5b0d3daf7552712ae9c7c269c12711d0cc2e7e2e41f8921034534bbf6af10": (
        "paper-code preset, optdigits, seed 0",
        "ec97e894f3d5380cc87fe2554bd859f60108553ae35a451e845be9a4d09dbfbb",
    ),
    "52a8b41bd29d84284dd8b26cc99fedf213422803384a38fe67b07f5290bc8dbb": (
        "experts-and-novices preset, optdigits, seed 0",
        "ccc58b59dd634982cee346d3d52f843284b93a423fe20a0886df67feb72afdbb",
    ),
    "ff03e9ea67ca3030f3e6573ebed266f9e0a346f9a64d9606f227b1c76452c42b": (
        "crowd preset, optdigits, seed 0",
        "d7ea962f7a371c24db9e7dc7b54ae78e9b1683281ddb3886ca96c607d67fbb58",
    ),
    "e44912ac1f0acbf117cc95f1308d64076e1f37e422a34c2387cb93861b2932e0": (
        "radiology preset, optdigits, seed 0",
        "0f4e4c137fe29b0c13cb0c2c824c335feb7e8dd0f068c038bd1339b46bd0eeea",
    ),
    "0f2d996edb8967b16633d780a78cc0b65eff8567c5126edd6ff8521a13ab52ca": (
        "adversary preset, optdigits, seed 0",
        "db392cf4f430456868d4083716ffbe1bec351a339f5e0f6b11d3a6b25fa2710b",
    ),
    "faa68fe96a90ccf8583bf69b35a01cf52a8d2351f769947e110f28e00faf17cd": (
        "sparse preset, optdigits, seed 0",
        "88e2cd5ac0a349b1ae9d7b31a4cfc04570ba0d4600c3455ad93edcae2b77ee37",
    ),
    "3da0719a25436a328d2d131ce80b3c1a58fb47188741e5654f635dc503aeb3e3": (
        "hard preset, optdigits, seed 0",
        "cbd8c7dece1c1866a2215497b923f011a445f39784d87a5b2d6c674aba253f69",
    ),
    "12650a2648a376568318e23c2b75466565c4ba2971f3ca452a5f75121e598c5a": (
        "students preset, optdigits, seed 0",
        "cdc9d4353c3a46460dd748628eecf80908a373604f5b16b12774f9db9cc3dc98",
    ),
    "3fba92bf3337ef380ce72e83e45fdcf5f5662c5b03779cbd8dab9885b6b8abe2": (
        "tired preset, optdigits, seed 0",
        "c108834dabffbe564a735378e0473cf22263952d4537ffeac50593889f531519",
    ),
}
