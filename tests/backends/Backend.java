import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.nio.file.Path;
import org.apache.catalina.Context;
import org.apache.catalina.startup.Tomcat;

/** The operations as Tomcat maps them to servlets. Prints a line of JSON, the port by name. */
public final class Backend {
    private static final class Priced extends HttpServlet {
        private final String pattern;
        private final int price;
        private final String parameter;

        Priced(String pattern, int price, String parameter) {
            this.pattern = pattern;
            this.price = price;
            this.parameter = parameter;
        }

        @Override
        protected void doGet(HttpServletRequest request, HttpServletResponse response) {
            int served = price;
            String rest = request.getPathInfo();
            if (pattern.endsWith("/*") && (rest == null || rest.length() < 2 || rest.indexOf('/', 1) >= 0)) {
                served = 0;
            } else if (parameter != null) {
                served = 3;
                String[] values = request.getParameterValues(parameter);
                for (String value : values == null ? new String[0] : values) {
                    String digits = value.trim();
                    if (digits.matches("\\d+") && (digits.length() > 9 || Integer.parseInt(digits) > 2000)) {
                        served = 100;
                    }
                }
            }
            response.setHeader("x-served", String.valueOf(served));
        }
    }

    private static void add(Context context, String pattern, int price, String parameter) {
        Tomcat.addServlet(context, pattern, new Priced(pattern, price, parameter));
        context.addServletMappingDecoded(pattern, pattern);
    }

    public static void main(String[] arguments) throws Exception {
        java.util.logging.LogManager.getLogManager().reset();
        Tomcat tomcat = new Tomcat();
        tomcat.setBaseDir(arguments[0]);
        tomcat.setPort(0);
        tomcat.getConnector().setProperty("address", "127.0.0.1");
        tomcat.getConnector().setProperty("maxKeepAliveRequests", "-1");
        tomcat.getConnector().setProperty("encodedSolidusHandling", "decode");
        tomcat.getConnector().setAllowBackslash(true);
        tomcat.getConnector().setProperty("relaxedPathChars", "\"<>[\\]^`{|}");
        tomcat.getConnector().setProperty("relaxedQueryChars", "\"<>[\\]^`{|}");
        Context context = tomcat.addContext("", Path.of(arguments[0]).toAbsolutePath().toString());
        add(context, "/healthz", 0, null);
        add(context, "/api/v1/tasks/count", 50, null);
        add(context, "/api/v1/tasks/*", 2, null);
        add(context, "/api/v1/files/*", 7, null);
        add(context, "/api/v1/tickets", 0, "from");
        add(context, "/api/v1/pages", 0, "page_from");
        tomcat.start();
        System.out.println("{\"tomcat\": " + tomcat.getConnector().getLocalPort() + "}");
        while (System.in.read() >= 0) {
            // Until the input ends.
        }
        System.exit(0);
    }
}
