# escape=`
FROM node:22-alpine as site
WORKDIR /site
COPY . .
RUN npm install `
    && npm run docs:build

FROM nginx:1.29-alpine
COPY --from=site /site/dist /usr/share/nginx/html
COPY <<-"CONF" /etc/nginx/conf.d/default.conf
	server {
	  listen 80;
	  root /usr/share/nginx/html;
	  location / {
	    try_files $uri $uri/ /index.html;
	  }
	}
	CONF
expose 80
