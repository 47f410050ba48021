<?php
// The operations as a front controller in PHP routes them: by the path of the request, decoded.
function tier($value): string {
    $values = is_array($value) ? $value : [$value];
    array_walk_recursive($values, function ($one) use (&$most) { $most = max($most ?? 0, (int) $one); });
    return ($most ?? 0) > 2000 ? '100' : '3';
}

$path = rawurldecode(explode('?', $_SERVER['REQUEST_URI'], 2)[0]);
if (str_starts_with($path, '/index.php/')) {
    $path = substr($path, strlen('/index.php'));
}
$path = preg_replace('#/+#', '/', rtrim($path, '/'));
$served = match (true) {
    $path === '/healthz' => '0',
    $path === '/api/v1/tasks/count' => '50',
    (bool) preg_match('#^/api/v1/tasks/[^/]+$#', $path) => '2',
    (bool) preg_match('#^/api/v1/files/[^/]+$#', $path) => '7',
    $path === '/api/v1/tickets' => tier($_GET['from'] ?? ''),
    $path === '/api/v1/pages' => tier($_GET['page_from'] ?? ''),
    default => '0',
};
header("x-served: $served");
