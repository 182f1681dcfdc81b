<?php require __DIR__ . '/../app/kernel.php';
