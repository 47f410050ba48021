# The operations as Sinatra and the router of Rails read them, each behind Puma. Prints a line of JSON, the ports by name.
require "json"
require "logger"
require "active_support"
require "action_controller"
require "action_dispatch"
require "puma"
require "puma/server"
require "sinatra/base"

# What a list costs from what a framework makes of its parameter.
def tier(value)
  values = value.is_a?(Hash) ? value.values : [value]
  values.flatten.any? { |one| one.to_s.to_i > 2000 } ? "100" : "3"
end

PRICES = {
  "/healthz" => ->(_) { "0" },
  "/api/v1/tasks/count" => ->(_) { "50" },
  "/api/v1/tasks/:id" => ->(_) { "2" },
  "/api/v1/files/:id" => ->(_) { "7" },
  "/api/v1/tickets" => ->(params) { tier(params["from"]) },
  "/api/v1/pages" => ->(params) { tier(params["page_from"]) },
}.freeze

class WithSinatra < Sinatra::Base
  set :environment, :production
  set :logging, false
  disable :show_exceptions, :raise_errors, :protection
  PRICES.each { |route, price| get(route) { headers("x-served" => price.call(params)) && "" } }
  not_found { headers("x-served" => "0") && "" }
  error { headers("x-served" => "0") && "" }
end

ROUTES = ActionDispatch::Routing::RouteSet.new
ROUTES.draw do
  PRICES.each do |route, price|
    app = lambda do |env|
      request = ActionDispatch::Request.new(env)
      [200, { "x-served" => price.call(request.params.to_h) }, [""]]
    end
    get route, to: app
  end
end
WITH_RAILS = lambda do |env|
  status, headers, body = ROUTES.call(env)
  headers = { "x-served" => "0" }.merge(headers) unless headers.key?("x-served")
  [status, headers, body]
rescue StandardError
  [400, { "x-served" => "0" }, [""]]
end

ports = { "sinatra" => WithSinatra.new, "rails" => WITH_RAILS }.to_h do |name, app|
  server = Puma::Server.new(app, Puma::Events.null, min_threads: 2, max_threads: 16)
  listener = server.add_tcp_listener("127.0.0.1", 0)
  server.run
  [name, listener.addr[1]]
end
puts JSON.generate(ports)
$stdout.flush
$stdin.read
exit!
